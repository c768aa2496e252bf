"""`python -m keeper`: the clock in the main thread, the watch and the feed of ticks beside it."""

from functools import partial

from chassis.database import Database
from chassis.feed import Feed
from chassis.process import Process
from chassis.settings import load
from keeper import connector, store
from keeper.clock import Clock
from keeper.connect import Connect, http
from keeper.events import TOPIC
from keeper.settings import Settings
from keeper.watch import Watch


def main() -> None:
    """Wire the parts, and run until SIGTERM."""
    settings = load(Settings)
    database = Database(settings.database_url, "keeper", size=2)
    source = settings.source()
    clock = Clock(database)
    feed = Feed(settings, [TOPIC], on_records=clock.came, on_reset=clock.began, start="last")
    drop_dead_slot = partial(store.drop_dead_slot, settings.database_url, source.user, source.password)
    connect = Connect(settings.connect_url, connector.NAME, http(settings.connect_user, settings.connect_password))
    watch = Watch(database, connect, source, drop_dead_slot)
    try:
        Process("keeper", settings).run(clock, feed, watch)
    finally:
        database.close()


if __name__ == "__main__":
    main()
