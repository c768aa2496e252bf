"""The mutations: load, decide, save.

A save is one statement that holds only while the order still has the version the decision was made on; when somebody
was faster, the order is read and decided again. So no lock is held between two round trips, and a frozen process holds
up nobody.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from api import mutations, queries
from api.codec import text
from api.domain import (
    Code,
    Command,
    Line,
    Order,
    Place,
    Refused,
    RetryPayment,
    check_repeated,
    check_request,
    check_stock,
    decide,
    evolve,
    steps,
    unknown_item,
)
from api.events import Fact, StockSet
from api.mutations import Placing, Told
from api.queries import Offer
from api.store import Allowances, Cause, allowance
from chassis.database import AsyncDatabase, AsyncTransaction
from chassis.envelope import new_id
from chassis.errors import Transient

TRIES = 5  # each lost race is somebody else's commit
OWN = frozenset({Code.TOO_LATE, Code.NOT_YET, Code.ATTEMPT_REUSED})  # said to a principal of the order only
TOO_EARLY = frozenset({Code.NOT_YET, Code.NOT_YOURS})  # may come true by a commit on its way
REMEMBERED_OFFERS = 1000  # restaurants whose menu is kept at hand

Read = Callable[[AsyncTransaction, str], Awaitable[Order | None]]


@dataclass(frozen=True, slots=True)
class Request:
    """A customer's wish as it came in."""

    customer_id: str
    key: str
    restaurant_id: str
    lines: tuple[Line, ...]
    payment_method: str

    def digest(self) -> bytes:
        """SHA-256 of the canonical input: the order of the lines does not matter."""
        lines = sorted((line.item_id, line.quantity) for line in self.lines)
        return hashlib.sha256(text([self.restaurant_id, lines, self.payment_method]).encode()).digest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The order as it is now, and why the rules said no; both when a principal's own order refused.

    `repeated`: the order was there before, by the same key.
    """

    order: Order | None
    refusal: Refused | None = None
    repeated: bool = False


class Commands:
    """What people may ask of orders and shifts. Raises Transient when the database is in trouble."""

    def __init__(self, database: AsyncDatabase, allowances: Allowances) -> None:
        self._database = database
        self._allowances = allowances
        self._offers: OrderedDict[str, Offer] = OrderedDict()

    async def place(self, request: Request, trace: str | None) -> Outcome:
        """Places an order once per (customer, key). One round trip when the menu at hand is still the valid one."""
        try:
            check_request(request.key, request.restaurant_id, request.lines, request.payment_method)
            async with self._database.connection() as db:
                order = await self._place_from_memory(db, request, trace)
                return Outcome(order) if order else await self._place(db, request, trace)
        except Refused as refusal:
            return Outcome(None, refusal)

    async def _place_from_memory(self, db: AsyncTransaction, request: Request, trace: str | None) -> Order | None:
        """None when the remembered menu does not do, for whatever reason."""
        offer = self._offers.get(request.restaurant_id)
        try:
            return None if offer is None else await self._write_placed(db, request, offer, trace)
        except Refused:
            return None

    async def _place(self, db: AsyncTransaction, request: Request, trace: str | None) -> Outcome:
        """The key decides first, then the menu as it is now."""
        for _ in range(TRIES):
            known = await queries.recall(db, request.customer_id, request.key, request.restaurant_id)
            if known.order is not None:
                return Outcome(_same(request, known.input, known.order), repeated=True)
            self._remember(request.restaurant_id, known.offer)
            order = await self._write_placed(db, request, known.offer, trace)
            if order is not None:
                return Outcome(order)
        raise Transient("the menu changes faster than an order can be placed")

    async def _write_placed(
        self, db: AsyncTransaction, request: Request, offer: Offer | None, trace: str | None
    ) -> Order | None:
        restaurant = offer.restaurant if offer else None
        blank = Order(str(new_id()))
        (fact,) = decide(blank, Place(request.customer_id, restaurant, request.lines, request.payment_method))
        order = evolve(blank, fact)
        revision = offer.revision if offer else UUID(int=0)
        placing = Placing(request.customer_id, request.key, request.digest(), revision)
        allowed = allowance(order, self._allowances)
        written = await mutations.place(db, placing, fact, order, allowed, Cause(new_id(), trace))
        return order if written else None

    def _remember(self, restaurant_id: str, offer: Offer | None) -> None:
        self._offers.pop(restaurant_id, None)
        if offer is not None:
            self._offers[restaurant_id] = offer
        if len(self._offers) > REMEMBERED_OFFERS:
            self._offers.popitem(last=False)

    async def act(self, order_id: str, command: Command, trace: str | None) -> Outcome:
        """Decides the command on the order as it is, and writes what follows. Two round trips."""
        async with self._database.connection() as db:
            outcome = await self._act(db, queries.order, order_id, command, trace)
            if outcome.refusal is not None and outcome.refusal.code in TOO_EARLY:
                # A principal may act on a version that was pushed a moment before its commit could be seen.
                outcome = await self._act(db, queries.order_behind_writers, order_id, command, trace)
            return outcome

    async def _act(
        self, db: AsyncTransaction, read: Read, order_id: str, command: Command, trace: str | None
    ) -> Outcome:
        for _ in range(TRIES):
            order = await read(db, order_id) or Order(order_id)
            try:
                facts = await self._decide(db, order, command)
            except Refused as refusal:
                return Outcome(order if refusal.code in OWN else None, refusal)
            after = await self._write(db, order, facts, trace) if facts else order
            if after is not None:
                return Outcome(after)
        raise Transient(f"order {order_id} changes faster than it can be decided")

    async def _decide(self, db: AsyncTransaction, order: Order, command: Command) -> list[Fact]:
        """What follows; nothing, when it was done before. Raises Refused."""
        facts = decide(order, command)
        if not facts and isinstance(command, RetryPayment):
            check_repeated(command, await queries.card(db, order.id, command.attempt))
        return facts

    async def _write(self, db: AsyncTransaction, order: Order, facts: list[Fact], trace: str | None) -> Order | None:
        """Writes all that follows from a command, or nothing; None when somebody was faster."""
        told = [Told(new_id(), fact, made) for fact, made in steps(order, facts)]
        return await mutations.advance(db, order.version, told, self._allowances, trace)

    async def set_stock(self, restaurant_id: str, stock: StockSet, trace: str | None) -> Refused | None:
        """The restaurant has so many of an item now; the refusal when it has no such item. One round trip."""
        try:
            check_stock(stock.item_id, stock.quantity)
            async with self._database.connection() as db:
                known = await mutations.set_stock(db, restaurant_id, stock, Cause(new_id(), trace))
        except Refused as refusal:
            return refusal
        return None if known else unknown_item()

    async def shift(self, courier_id: str, *, on: bool, trace: str | None) -> bool:
        """Starts or ends the courier's shift; a second time changes nothing."""
        async with self._database.connection() as db:
            await (mutations.start_shift if on else mutations.end_shift)(db, courier_id, Cause(new_id(), trace))
        return on


def _same(request: Request, known: bytes | None, order: Order) -> Order:
    if known != request.digest():
        raise Refused(
            Code.IDEMPOTENCY_KEY_REUSED, "The key stands for an order with another input.", "input.idempotencyKey"
        )
    return order
