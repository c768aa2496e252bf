"""`python -m api http` and `python -m api projector`: the two processes of api, put together."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette

from api import app, handlers, rest
from api.commands import Commands
from api.handlers import Projector
from api.look import Look
from api.presentation import Presentation
from api.principal import Tokens
from api.reading import READS
from api.schema import executable
from api.settings import ApiSettings, HttpSettings
from api.store import Allowances
from chassis.consumer import Consumer, Timer
from chassis.database import AsyncDatabase, Database
from chassis.errors import Fatal, Transient
from chassis.kafka import KafkaLog, Log
from chassis.process import Process
from chassis.prune import prune
from chassis.settings import load

SCAN_SECONDS = 1.0  # the clock ticks once a second
PRUNE_SECONDS = 60.0
PROBE_SECONDS = 2.0
STUCK_SECONDS = 60.0  # a probe waits for the database much shorter than this


class Server(uvicorn.Server):
    """uvicorn as the main part of a process: the process has the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Left to chassis.process."""
        yield

    def stop(self) -> None:
        """Finish the requests at hand."""
        self.should_exit = True


class Probe:
    """Asks the database every few seconds from the event loop: readiness is known without asking, and that it turns."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._reason: str | None = "the database has not answered yet"
        self._beat = time.monotonic()

    async def watch(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                async with self._database.connection() as db:
                    await db.execute("SELECT")
                self._reason = None
            except Transient as error:
                self._reason = str(error)
            self._beat = time.monotonic()
            await asyncio.sleep(PROBE_SECONDS)

    def turns(self) -> bool:
        """The event loop is not stuck."""
        return time.monotonic() - self._beat < STUCK_SECONDS

    def reason(self) -> str | None:
        """Why the database cannot be used; None when it can."""
        return self._reason


class Http:
    """The process `api http`."""

    def __init__(self, settings: HttpSettings, look: Look) -> None:
        self._look = look
        self._database = AsyncDatabase(settings.database_url, "api http", settings.pool_size)
        self._probe = Probe(self._database)
        commands = Commands(self._database, settings.allowances)
        presentation = Presentation.load(settings.presentation_path, settings.allowances)
        schema, tokens = executable(settings.schema_path), Tokens(settings.jwt_secret)
        endpoint = app.GraphQL(schema, self._database, commands, tokens, presentation)
        orders = rest.Orders(self._database, commands, tokens, presentation)
        self._server = Server(
            uvicorn.Config(
                rest.application(orders, app.route(endpoint), lifespan=self._lifespan),
                host=settings.http_host,
                port=settings.http_port,
                loop="uvloop",
                http="httptools",
                ws="none",
                log_config=None,
                access_log=False,
                # Longer than the edge keeps an idle connection (2 min): else it writes into one that is being closed.
                timeout_keep_alive=150,
                timeout_graceful_shutdown=10,
            )
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._database.open()
        watching = asyncio.create_task(self._probe.watch())
        yield
        watching.cancel()
        await self._database.close()

    def run(self) -> None:
        """Serves until `stop`. Raises Fatal when the tables turn out to have forgotten what was published."""
        self._look.beside(self._server.stop)
        self._server.run()
        if self._look.forgotten:
            raise Fatal(self._look.forgotten)

    def stop(self) -> None:
        """Finishes the requests at hand."""
        self._server.stop()

    def alive(self) -> bool:
        """The event loop turns."""
        return self._probe.turns()

    def ready(self) -> str | None:
        """Listening, with a database behind it."""
        return self._probe.reason() if self._server.started else "not listening yet"


def http() -> None:
    """Queries and mutations over POST /graphql."""
    settings = load(HttpSettings)
    look = Look(settings, obey=False)
    Process("api http", settings).run(Http(settings, look), looks=[look])


def build(database: Database, log: Log, allowances: Allowances) -> Consumer:
    """The projector's consumer, not started."""
    return Consumer(
        name="api",
        database=database,
        log=log,
        topics=handlers.TOPICS,
        reads=READS,
        handle=Projector(allowances).handle,
        wants=handlers.wants,
        passes=handlers.PASSES,
        forgetful=frozenset({"ticks"}),  # the clock counts what it reads: a tick that expired has not passed
        timers=[Timer(SCAN_SECONDS, handlers.ask_deadlines), Timer(PRUNE_SECONDS, prune, poked=False)],
    )


def projector() -> None:
    """The fold of the log into orders, and the deadlines."""
    settings = load(ApiSettings)
    process = Process("api projector", settings)
    with contextlib.closing(Database(settings.database_url, "api projector")) as database:
        consumer = build(database, KafkaLog(settings, group="api"), settings.allowances)
        process.run(consumer, looks=[Look(settings, obey=True)])


PROCESSES = {"http": http, "projector": projector}


def main() -> None:
    """Runs the process named by the one argument."""
    if len(sys.argv) != 2 or sys.argv[1] not in PROCESSES:
        raise SystemExit(f"usage: python -m api {'|'.join(PROCESSES)}")
    PROCESSES[sys.argv[1]]()


if __name__ == "__main__":
    main()
