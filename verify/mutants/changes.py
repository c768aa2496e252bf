"""What each mutant does to its module. Nothing of a service is imported before the module itself is: see install.py."""

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any
from uuid import UUID

WINDOW_SECONDS = 0.5  # between the read and the registration, wide open


def no_inbox(inbox: ModuleType) -> None:
    """Every id counts as claimed now."""

    def claim(tx: Any, ids: Iterable[UUID]) -> Any:
        return tx.execute("SELECT unnest(%s::uuid[])", ["{" + ",".join(map(str, ids)) + "}"])

    inbox.claim = claim  # type: ignore[attr-defined]


def offset_before_commit(handling: ModuleType) -> None:
    """The positions of a batch are committed before its transaction begins."""
    from chassis import positions  # noqa: PLC0415

    commit = handling.Handling._commit

    def _commit(self: Any, records: Any, candidates: Any) -> None:
        moves = self._owned.moves(records)
        with self._database.transaction() as tx:
            positions.move(tx, moves)
        self._owned.moved(moves)
        commit(self, records, candidates)

    handling.Handling._commit = _commit


def publish_outside(outbox: ModuleType) -> None:
    """Events are inserted by a connection of their own, which commits at once."""
    import psycopg  # noqa: PLC0415

    def publish(_tx: Any, events: Sequence[Any]) -> None:
        if events:
            with psycopg.connect(os.environ["DATABASE_URL"]) as own:
                own.execute(outbox.INSERT, [outbox.rows(events)])

    outbox.publish = publish  # type: ignore[attr-defined]


def no_closed_row(domain: ModuleType) -> None:
    """The end of an order of which nothing else was read leaves nothing behind."""
    step = domain.step

    def careless(job: Any, event: Any, offered: str | None = None) -> Any:
        if job.state == domain.State.NONE and isinstance(event, domain.OrderCancelled | domain.OrderDelivered):
            return job, []
        return step(job, event, offered)

    domain.step = careless  # type: ignore[attr-defined]


def wall_clock(store: ModuleType) -> None:
    """The clock counts the seconds between two scans, and no tick."""
    ask, last = store.ask_deadlines, [time.monotonic()]

    def ask_deadlines(tx: Any) -> Any:
        passed = int(time.monotonic() - last[0])
        last[0] += passed
        tx.execute("UPDATE clock SET k = k + %s", [passed])
        return ask(tx)

    store.ask_deadlines = ask_deadlines  # type: ignore[attr-defined]
    store.count_tick = lambda tx, tick: None  # type: ignore[attr-defined]  # noqa: ARG005


def fired_directly(handlers: ModuleType) -> None:
    """What is due is cancelled by the scan."""

    def ask_deadlines(database: Any) -> None:
        from api.order import ALLOWANCES, waiting_for  # noqa: PLC0415

        due = "SELECT id::text FROM orders WHERE due_tick <= (SELECT k FROM clock) LIMIT 100 FOR UPDATE SKIP LOCKED"
        with database.transaction() as tx:
            ids = [row[0] for row in tx.execute(due)]
            folding = handlers.Folding(handlers.store.lock_orders(tx, ids)())
            for order in list(folding.orders.values()):
                reason = waiting_for(order)
                own = handlers.decide(order, handlers.DeadlinePassed(order.since)) if reason else []
                _cancel(handlers, folding, order, own)
            if folding.versions:
                handlers.store.save_versions(tx, folding.versions, ALLOWANCES)
                handlers.publish(tx, folding.sent)

    from api.events import DeadlinePassed  # noqa: PLC0415

    handlers.DeadlinePassed = DeadlinePassed  # type: ignore[attr-defined]
    handlers.ask_deadlines = ask_deadlines  # type: ignore[attr-defined]


def _cancel(handlers: ModuleType, folding: Any, order: Any, facts: Sequence[Any]) -> None:
    for fact in facts:
        event = handlers.Event("orders.events", order.id, handlers.TYPES[type(fact)], fact)
        after = handlers.evolve(order, fact)
        folding.sent.append(event)
        folding.versions.append(handlers.Version(fact, after, handlers.Cause(event.id), None))


def open_loop(domain: ModuleType) -> None:
    """The next tick is due a second after the last one was written."""

    def due(clock: Any, now: float, flowing: bool) -> int | None:  # noqa: ARG001
        return clock.written + 1 if now - clock.since >= domain.PERIOD else None

    domain.due = due  # type: ignore[attr-defined]
    domain.pause = lambda clock, now: domain.PERIOD / 4  # type: ignore[attr-defined]  # noqa: ARG005


def no_lease(store: ModuleType) -> None:
    """A row is due while it is being asked about, and whoever answers last is right."""
    for statement in ("SAVE", "TAKE", "SETTLE"):
        leased: str = getattr(store, statement)
        due_at_once = leased.replace("make_interval(secs => ", "make_interval(secs => 0 * ")
        setattr(store, statement, due_at_once.replace(" AND lease = %(lease)s", ""))


def position_outside(positions: ModuleType) -> None:
    """Positions are moved by a connection of their own, which commits at once."""
    import psycopg  # noqa: PLC0415

    def move(tx: Any, moves: Sequence[Any]) -> Any:
        rows = [
            {"topic": m.place.topic, "partition": m.place.partition, "expected": m.expected, "next": m.next}
            for m in moves
        ]
        with psycopg.connect(os.environ["DATABASE_URL"]) as own:
            made = own.execute(positions.MOVE, [positions.msgspec.json.encode(rows).decode()]).fetchall()
        return tx.execute("SELECT generate_series(1, %s::int)", [len(made)])

    positions.move = move  # type: ignore[attr-defined]


def registered_late(channel: ModuleType) -> None:
    """A stream reads the journal, and is registered a while later."""
    reading: set[asyncio.Task[None]] = set()

    def join(self: Any, stream: Any) -> None:
        async def read_first() -> None:
            versions = await self._journal.read(self.order_id)
            await asyncio.sleep(WINDOW_SECONDS)
            self.streams.add(stream)
            for version in versions:
                self._story.extend(version)
            self._serve(stream, versions, [], {})

        stream.channel = self
        task = asyncio.get_running_loop().create_task(read_first())
        reading.add(task)
        task.add_done_callback(reading.discard)

    channel.Channel.join = join


def no_owner_check(domain: ModuleType) -> None:
    """Everybody may see everything."""
    domain.may_see = lambda principal, order: True  # type: ignore[attr-defined]  # noqa: ARG005


def dropped(connector: ModuleType) -> None:
    """One service's outbox is not among the tables that are read."""
    configuration = connector.configuration

    def leaky(source: Any, tables: Sequence[str]) -> Mapping[str, str]:
        made = configuration(source, tables)
        return {**made, "table.include.list": r"(?!restaurant\.)" + made["table.include.list"]}

    connector.configuration = leaky  # type: ignore[attr-defined]


def swapped(connector: ModuleType) -> None:
    """A repair reads the tables from their end."""
    extent = connector._extent
    connector._extent = lambda source, table: extent(source, table).replace(  # type: ignore[attr-defined]
        "ORDER BY seq", "ORDER BY seq DESC"
    )


def doubled(outbox: ModuleType) -> None:
    """Each event is written once more, under an id of its own."""
    from dataclasses import replace  # noqa: PLC0415

    from chassis.envelope import new_id  # noqa: PLC0415

    rows = outbox.rows
    outbox.rows = lambda events: rows(  # type: ignore[attr-defined]
        [one for event in events for one in (event, replace(event, id=new_id()))]
    )


def double_charge(provider: ModuleType) -> None:
    """A call whose answer was lost is made anew, with an intent of its own."""
    ask = provider.Provider.ask

    def careless(self: Any, order_id: str, call: Any, *, key: str, again: bool) -> Any:
        if again and isinstance(call, provider.Confirm):
            intents = self._stripe.v1.payment_intents
            amount = intents.retrieve(call.intent).amount
            wanted = {"amount": amount, "currency": "eur", "metadata": {"order_id": order_id}}
            other = intents.create({**wanted, "allowed_payment_method_types": ["card"]})
            call, again = provider.Confirm(other.id, call.attempt, call.card, call.earlier), False
        return ask(self, order_id, call, key=key, again=again)

    provider.Provider.ask = careless
