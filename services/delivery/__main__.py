"""`python -m delivery`: the composition root."""

from contextlib import closing

from chassis.consumer import Consumer, Timer
from chassis.database import Database
from chassis.kafka import KafkaLog, Log
from chassis.process import Process
from chassis.prune import prune
from chassis.settings import ServiceSettings, load
from delivery import handlers
from delivery.events import COURIERS, ORDERS, READS

PRUNE_SECONDS = 60.0


def build(database: Database, log: Log) -> Consumer:
    """The service around a database and a log, real ones or fakes."""
    consumer = Consumer(
        name="delivery",
        database=database,
        log=log,
        topics=[ORDERS, COURIERS],
        reads=READS,
        handle=lambda tx, batch: handlers.handle(tx, batch, consumer.poke),
        timers=[Timer(handlers.SCAN_SECONDS, handlers.search), Timer(PRUNE_SECONDS, prune, poked=False)],
    )
    return consumer


def main() -> None:
    """Run until SIGTERM."""
    settings = load(ServiceSettings)
    process = Process("delivery", settings)
    with closing(Database(settings.database_url, "delivery", size=2)) as database:
        process.run(build(database, KafkaLog(settings, group="delivery")))


if __name__ == "__main__":
    main()
