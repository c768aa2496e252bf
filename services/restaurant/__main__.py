"""`python -m restaurant`: the composition root. `python -m restaurant seed [FILE]` writes restaurants and menus."""

import argparse
import signal
from contextlib import closing
from pathlib import Path

from pydantic_settings import BaseSettings

from chassis.consumer import Consumer, Timer
from chassis.database import Database
from chassis.kafka import KafkaLog, Log
from chassis.prerequisites import Prerequisites, of_service
from chassis.process import Process
from chassis.prune import prune
from chassis.settings import ServiceSettings, load
from restaurant import handlers, seed
from restaurant.events import ORDERS, RESTAURANTS
from restaurant.reading import READS

SEED_FILE = Path(__file__).parent / "seed.json"
PRUNE_SECONDS = 60.0


class SeedSettings(BaseSettings):
    """Seeding needs the database only: the menus' events go out by the outbox."""

    database_url: str


def build(database: Database, log: Log) -> Consumer:
    """The service around a database and a log, real ones or fakes."""
    return Consumer(
        name="restaurant",
        database=database,
        log=log,
        topics=[ORDERS, RESTAURANTS],
        reads=READS,
        handle=handlers.handle,
        wants=handlers.wants,
        timers=[Timer(handlers.SCAN_SECONDS, handlers.finish_preparations), Timer(PRUNE_SECONDS, prune, poked=False)],
    )


def serve() -> None:
    """Run until SIGTERM."""
    settings = load(ServiceSettings)
    process = Process("restaurant", settings)
    with closing(Database(settings.database_url, "restaurant", size=2)) as database:
        process.run(build(database, KafkaLog(settings, group="restaurant")))


def plant(file: Path, if_empty: bool) -> None:
    """Write the seed file; says what changed."""
    database = Database(load(SeedSettings).database_url, "restaurant-seed", size=1)
    changed = seed.seed(database, seed.read(file), if_empty)
    database.close()
    print(f"published the menus of: {', '.join(changed)}" if changed else "nothing to change")  # noqa: T201


def wait() -> None:
    """Blocks until the service's tables are there; SIGTERM ends the process."""
    waiting = Prerequisites(of_service(load(ServiceSettings), topics=[], views=[]))
    signal.signal(signal.SIGTERM, lambda *_: waiting.stop())
    if not waiting.wait():
        raise SystemExit(128 + signal.SIGTERM)


def main() -> None:
    """Without a command: the service."""
    parser = argparse.ArgumentParser(prog="restaurant", description="Menus, stock, reservations and tickets.")
    commands = parser.add_subparsers(dest="command")
    planting = commands.add_parser("seed", help="write restaurants, menus and stock; a second time changes nothing")
    planting.add_argument("file", type=Path, nargs="?", default=SEED_FILE, help="default: %(default)s")
    planting.add_argument(
        "--if-empty", action="store_true", help="wait for the tables, and leave it where there is a restaurant already"
    )
    arguments = parser.parse_args()
    if arguments.command == "seed":
        if arguments.if_empty:
            wait()
        plant(arguments.file, arguments.if_empty)
    else:
        serve()


if __name__ == "__main__":
    main()
