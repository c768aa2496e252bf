"""`python -m newcomer`: the composition root."""

from contextlib import closing

from chassis.consumer import Consumer, Timer
from chassis.database import Database
from chassis.kafka import KafkaLog, Log
from chassis.process import Process
from chassis.prune import prune
from chassis.settings import ServiceSettings, load
from newcomer import handlers
from newcomer.events import ORDERS, READS

PRUNE_SECONDS = 60.0


def build(database: Database, log: Log) -> Consumer:
    """The service around a database and a log, real ones or fakes."""
    return Consumer(
        name="newcomer",
        database=database,
        log=log,
        topics=[ORDERS],
        reads=READS,
        handle=handlers.handle,
        timers=[Timer(PRUNE_SECONDS, prune, poked=False)],
    )


def main() -> None:
    """Run until SIGTERM."""
    settings = load(ServiceSettings)
    process = Process("newcomer", settings)
    with closing(Database(settings.database_url, "newcomer", size=2)) as database:
        process.run(build(database, KafkaLog(settings, group="newcomer")))


if __name__ == "__main__":
    main()
