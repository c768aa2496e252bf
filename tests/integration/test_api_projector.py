"""The projector on a real Postgres, with the broker in memory: folds, repeats, deadlines, replay."""

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from api import events
from api.handlers import ask_deadlines
from api.store import ASK_AGAIN_TICKS
from chassis.database import Database
from chassis.envelope import Event, attributes
from chassis.errors import Poison, Transient
from ground.waiting import until
from tests.support.api_house import ANN, KEN, SOBA, WAY, Client, House, assert_replays, opened
from tests.support.counting import running


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """The application on it."""
    async with opened(house.url) as client:
        yield client


def status(house: House, order_id: str) -> str:
    """As in the document."""
    found: str = house.ask("SELECT document::json->>'status' FROM orders WHERE id = %s", order_id)[0][0]
    return found


def scan(house: House) -> None:
    """The timer's work, now."""
    database = Database(house.url, "test", 1)
    ask_deadlines(database)
    database.close()


def handled(house: House) -> int:
    """Events claimed so far."""
    found: int = house.ask("SELECT count(*) FROM inbox")[0][0]
    return found


async def test_facts_become_versions(house: House, client: Client) -> None:
    """What the other services say is folded in order; the journal carries their ids."""
    order_id = await client.placed()
    records = house.say(order_id, *WAY)
    with running(house.consumer()):
        until(lambda: status(house, order_id) == "ACCEPTED")
    assert house.journal(order_id) == [
        (1, "order_created"),
        (2, "payment_completed"),
        (3, "delivery_assigned"),
        (4, "order_accepted"),
    ]
    ids = house.ask("SELECT id::text FROM journal WHERE version > 1 ORDER BY version")
    assert [row[0] for row in ids] == [attributes(record)["ce_id"] for record in records]


async def test_repeats_make_no_version(house: House, client: Client) -> None:
    """CDC repeats a run of records, in the same batch and later."""
    order_id = await client.placed()
    records = house.say(order_id, *WAY)
    for record in records * 2:
        house.broker.repeat(record)
    with running(house.consumer()):
        until(lambda: status(house, order_id) == "ACCEPTED")
        house.broker.repeat(records[0])
        last = house.say(order_id, events.OrderReady())
        until(lambda: status(house, order_id) == "READY")
    assert len(house.journal(order_id)) == 5
    assert handled(house) == 4 and last


async def test_own_facts_are_skipped(house: House, client: Client) -> None:
    """What a mutation has folded is not folded again."""
    order_id = await client.placed()
    house.say(order_id, events.OrderCancelled(events.Reason.CUSTOMER), source="api")
    house.say(order_id, events.PaymentCompleted(1))
    with running(house.consumer()):
        until(lambda: status(house, order_id) == "PAID")
    assert handled(house) == 1


async def test_many_orders_in_one_batch(house: House, client: Client) -> None:
    """Each its own fold, whatever the mixture."""
    ids = [await client.placed() for _ in range(5)]
    for fact in WAY:
        for order_id in ids:
            house.say(order_id, fact)
    with running(house.consumer()):
        until(lambda: all(status(house, order_id) == "ACCEPTED" for order_id in ids))
    assert all([v for v, _ in house.journal(order_id)] == [1, 2, 3, 4] for order_id in ids)


async def test_out_of_stock_cancels(house: House, client: Client) -> None:
    """The aggregate answers in the same transaction: outbox, journal and state."""
    order_id = await client.placed()
    house.fold(order_id, *WAY[:2], events.ItemsOutOfStock((events.Missing("soba", 0),)))
    assert status(house, order_id) == "CANCELLED"
    assert house.published(order_id) == ["order_created", "order_cancelled"]
    same = "SELECT count(*) FROM outbox o JOIN journal j USING (id) WHERE o.type = 'order_cancelled' AND o.at = j.at"
    assert house.ask(same) == [(1,)]


async def test_late_fact_leaves_no_trace(house: House, client: Client) -> None:
    """A settled order has its last version."""
    order_id = await client.placed()
    await client.act("cancelOrder", ANN, order_id)
    house.fold(order_id, events.PaymentReleased())
    before = house.journal(order_id), house.ask("SELECT * FROM orders")
    house.fold(order_id, events.PaymentCompleted(1), events.DeliveryAssigned(1, KEN.id), events.PaymentReleased())
    assert (house.journal(order_id), house.ask("SELECT * FROM orders")) == before


async def test_mutation_and_fold_race(house: House, client: Client) -> None:
    """A cancel while facts stream in: versions gapless, one end, the fold of the facts is the document."""
    ids = [await client.placed() for _ in range(10)]
    for order_id in ids:
        house.say(order_id, *WAY)
    with running(house.consumer()):
        for order_id in ids:
            await client.act("cancelOrder", ANN, order_id)
        until(lambda: handled(house) == 30)
    for order_id in ids:
        versions = house.journal(order_id)
        assert [version for version, _ in versions] == list(range(1, len(versions) + 1))
        assert [kind for _, kind in versions].count("order_cancelled") == 1
        assert_replays(house, order_id)


async def test_journal_replays_to_the_document(house: House, client: Client) -> None:
    """From both writers, to the end."""
    order_id = await client.placed()
    house.accept(order_id)
    for name, who in (("markOrderReady", SOBA), ("pickUpOrder", KEN), ("deliverOrder", KEN)):
        await client.act(name, who, order_id)
    assert_replays(house, order_id)


def test_menu_is_replaced(house: House) -> None:
    """The last one of a restaurant counts; the revision is the event's id."""
    house.say("r-new", *(events.MenuPublished("New", "EUR", (events.MenuItem("x", "X", price),)) for price in (1, 2)))
    with running(house.consumer()):
        until(lambda: house.ask("SELECT menu::json->0->>'price' FROM restaurant WHERE id = 'r-new'") == [("2",)])


def test_clock_never_goes_back(house: House) -> None:
    """A repair may repeat ticks."""
    for k in (7, 5, 8):
        house.fold("clock", events.Tick(k))
    assert house.ask("SELECT k, tick FROM clock") == [(2, 8)]


async def test_clock_stands_with_its_reader(house: House, client: Client) -> None:
    """Ticks that came while the projector stood are read at once and count as one: no wait is over by them."""
    order_id = await client.placed()
    house.fold(order_id, *WAY[:1])
    house.fold("clock", *(events.Tick(k) for k in range(1, 400)))
    scan(house)
    assert house.ask("SELECT k, tick FROM clock") == [(1, 399)]
    assert house.published(order_id) == ["order_created"]


async def test_deadline_ends_what_hangs(house: House, client: Client) -> None:
    """Clock, scan, the event out and in again, and only then the end, with its reason."""
    order_id = await client.placed()
    house.ask("UPDATE clock SET k = 300")
    house.say("clock", events.Tick(1))
    with running(house.consumer()):
        until(lambda: house.published(order_id) == ["order_created", "deadline_passed"])
        assert status(house, order_id) == "PLACED"
        house.flow(order_id)
        until(lambda: status(house, order_id) == "CANCELLED")
    assert house.ask("SELECT document::json->'cancellation'->>'reason' FROM orders") == [("PAYMENT_TIMEOUT",)]
    assert house.published(order_id)[-1] == "order_cancelled"
    assert_replays(house, order_id)


async def test_deadline_of_a_finished_wait_is_ignored(house: House, client: Client) -> None:
    """What was committed before the deadline is read before it: the order goes on."""
    order_id = await client.placed()
    house.ask("UPDATE clock SET k = 301")
    scan(house)
    house.say(order_id, events.PaymentCompleted(1))
    house.flow(order_id)
    with running(house.consumer()):
        until(lambda: handled(house) == 2)
    assert status(house, order_id) == "PAID"


async def test_deadline_waits_for_the_clock(house: House, client: Client) -> None:
    """While the last tick runs nothing is asked; asked once, it is asked again only after its time."""
    order_id = await client.placed()
    for clock, asked in ((300, 0), (301, 1), (301 + ASK_AGAIN_TICKS - 1, 1), (301 + ASK_AGAIN_TICKS, 2)):
        house.ask("UPDATE clock SET k = %s", clock)
        scan(house)
        scan(house)
        assert house.published(order_id).count("deadline_passed") == asked
    ids = [row[0] for row in house.ask("SELECT id FROM outbox WHERE type = 'deadline_passed'")]
    assert {event_id.version for event_id in ids} == {7}
    assert house.ask("SELECT payload FROM outbox WHERE type = 'deadline_passed' LIMIT 1") == [('{"since" : 1}',)]


async def test_every_wait_has_its_own_deadline(house: House, client: Client) -> None:
    """`due_tick` starts anew with each wait, by both writers, and ends with the order."""
    order_id = await client.placed()
    due = [house.ask("SELECT due_tick FROM orders")[0][0]]
    for fact in WAY:
        house.ask("UPDATE clock SET k = k + 10")
        house.fold(order_id, fact)
        due += house.ask("SELECT due_tick FROM orders")[0]
    for name, who in (("markOrderReady", SOBA), ("pickUpOrder", KEN), ("deliverOrder", KEN)):
        house.ask("UPDATE clock SET k = k + 10")
        await client.act(name, who, order_id)
        due += house.ask("SELECT due_tick FROM orders")[0]
    assert due == [301, 10 + 181, 20 + 121, 30 + 3601, 40 + 1801, 50 + 3601, None]


async def test_wait_that_goes_on_keeps_its_deadline(house: House, client: Client) -> None:
    """Another courier is no new wait."""
    order_id = await client.placed()
    house.fold(order_id, *WAY[:2])
    before = house.ask("SELECT due_tick, since FROM orders")
    house.ask("UPDATE clock SET k = 50")
    house.fold(order_id, events.DeliveryAssigned(2, "k-other"))
    assert house.ask("SELECT due_tick, since FROM orders") == before
    assert house.ask("SELECT courier_id, version FROM orders") == [("k-other", 4)]


async def test_poison_holds_its_own_order_only(house: House, client: Client) -> None:
    """Its later facts wait behind it, but its deadline passes; other orders go on."""
    bad, good = await client.placed(), await client.placed()
    headers = {"ce_id": str(uuid.uuid4()), "ce_type": "payment_completed", "ce_source": "payment", "ce_time": "never"}
    house.broker.append("orders.events", bad.encode(), b"{}", headers)
    for order_id in (bad, good):
        house.say(order_id, *WAY)
    house.ask("UPDATE clock SET k = 301")
    with running(house.consumer()):
        until(lambda: status(house, good) == "ACCEPTED")
        until(lambda: "deadline_passed" in house.published(bad))
        house.flow(bad)
        until(lambda: status(house, bad) == "CANCELLED")
    states = house.ask("SELECT state, count(*) FROM parked GROUP BY 1 ORDER BY 1")
    assert states == [("behind", 3), ("head", 1)]


def test_unknown_order_is_waited_for(house: House) -> None:
    """A fact can be read before its order's commit is visible; the batch is tried again."""
    with pytest.raises(Transient):
        house.fold(str(uuid.uuid4()), events.PaymentCompleted(1))


def test_key_that_is_no_order_is_poison(house: House) -> None:
    """It will never be one."""
    with pytest.raises(Poison):
        house.fold("nonsense", events.PaymentCompleted(1))


async def test_bad_tick_does_not_stop_the_clock(house: House) -> None:
    """The tick is parked, as any event that cannot be read; the clock goes on, and every order keeps its deadline."""
    house.broker.publish(Event("ticks", "clock", "tick", {"k": "many"}), "keeper")
    house.broker.publish(Event("ticks", "clock", "tick", {"k": 2}), "keeper")
    with running(house.consumer()):
        until(lambda: house.ask("SELECT k FROM clock") == [(1,)])
        house.broker.publish(Event("ticks", "clock", "tick", {"k": 3}), "keeper")
        until(lambda: house.ask("SELECT k FROM clock") == [(2,)])
    assert house.ask("SELECT key, state FROM parked") == [("clock", "head")]


async def test_event_of_the_future_stalls_nobody(house: House, client: Client) -> None:
    """An unknown order is waited for while it may be under way; a date far ahead is no reason to wait until then."""
    order_id = await client.placed()
    ahead = datetime.now(UTC) + timedelta(days=400)
    unknown = str(uuid.uuid4())
    house.broker.publish(Event("orders.events", unknown, "payment_completed", {"attempt": 1}, at=ahead), "payment")
    house.say(order_id, *WAY)
    with running(house.consumer()):
        until(lambda: status(house, order_id) == "ACCEPTED")
    assert house.ask("SELECT key, state FROM parked") == [(unknown, "head")]
