"""`python -m payment`: the composition root."""

from contextlib import closing

from pydantic import Field

from chassis.batch import Batch
from chassis.consumer import Consumer, Timer
from chassis.database import Database, Transaction
from chassis.kafka import KafkaLog, Log
from chassis.process import Process
from chassis.prune import prune
from chassis.settings import ServiceSettings, load
from chassis.work import Workers
from payment import handlers, store
from payment.calls import Calls
from payment.circuit import Circuit
from payment.domain import Answer
from payment.events import READS, TOPIC
from payment.provider import Provider
from payment.store import Job
from payment.transport import KeepAliveClient

PRUNE_SECONDS = 60.0
CONNECTIONS = 6  # to the database: a worker needs one between two calls, for a moment


class Settings(ServiceSettings):
    """Beside the common variables: the provider, and how it is called."""

    provider_url: str
    provider_key: str
    provider_timeout: float = Field(default=4.0, gt=0, le=store.LEASE_SECONDS / 2)  # seconds; a call may need two waits
    provider_calls: int = Field(default=32, gt=0)  # in flight at once: waiting costs a thread, and no connection


def build(database: Database, log: Log, provider: Provider, parallel: int) -> tuple[Consumer, Workers[Job, Answer]]:
    """The service around a database, a log and a provider, real ones or fakes."""
    calls = Calls(database, provider, Circuit())
    workers = Workers(
        name="payment",
        database=database,
        take=calls.take,
        perform=calls.perform,
        settle=calls.settle,
        size=parallel,
    )

    def handle(tx: Transaction, batch: Batch) -> None:
        handlers.handle(tx, batch, workers.submit)

    consumer = Consumer(
        name="payment",
        database=database,
        log=log,
        topics=[TOPIC],
        reads=READS,
        handle=handle,
        timers=[Timer(PRUNE_SECONDS, forget)],
    )
    return consumer, workers


def forget(database: Database) -> None:
    """What no repeat and no repair can ask for any more. Payments themselves are kept."""
    prune(database)


def main() -> None:
    """Run until SIGTERM."""
    settings = load(Settings)
    process = Process("payment", settings)
    transport = KeepAliveClient(settings.provider_url, settings.provider_timeout)
    with (
        closing(Database(settings.database_url, "payment", size=CONNECTIONS)) as database,
        closing(Provider(settings.provider_url, settings.provider_key, transport)) as provider,
    ):
        process.run(*build(database, KafkaLog(settings, group="payment"), provider, settings.provider_calls))


if __name__ == "__main__":
    main()
