"""What the resolvers of one request share: who asks, and the timelines that the request wants."""

import asyncio
from dataclasses import dataclass, field

from api import queries
from api.commands import Commands
from api.errors import Forbidden, Unauthenticated
from api.presentation import Entry, Presentation
from api.principal import Principal, Role
from chassis.database import AsyncDatabase


class Timelines:
    """Loads the timelines that one request asks for with one statement, however many orders it lists."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._wanted: dict[str, asyncio.Future[list[Entry]]] = {}
        self._tasks: list[asyncio.Task[None]] = []  # the event loop itself holds tasks weakly

    def load(self, order_id: str) -> "asyncio.Future[list[Entry]]":
        """The timeline of one order, once this turn of the event loop has collected all that are wanted."""
        if not self._wanted:
            self._tasks.append(asyncio.create_task(self._answer()))
        return self._wanted.setdefault(order_id, asyncio.get_running_loop().create_future())

    async def _answer(self) -> None:
        wanted, self._wanted = self._wanted, {}
        try:
            async with self._database.connection() as db:
                found = await queries.timelines(db, list(wanted))
            for order_id, future in wanted.items():
                future.set_result(found[order_id])
        except Exception as error:
            for future in wanted.values():
                if not future.done():
                    future.set_exception(error)


@dataclass
class Context:
    """What a request's resolvers know."""

    principal: Principal | None
    trace: str | None
    database: AsyncDatabase
    commands: Commands
    presentation: Presentation
    timelines: Timelines = field(init=False)

    def __post_init__(self) -> None:
        self.timelines = Timelines(self.database)

    def need(self, *roles: Role) -> Principal:
        """The principal, when it has one of the roles."""
        if self.principal is None:
            raise Unauthenticated("Send a token: Authorization: Bearer …")
        if self.principal.role not in roles:
            raise Forbidden(f"This is for: {', '.join(roles)}.")
        return self.principal
