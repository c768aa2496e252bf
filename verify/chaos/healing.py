"""After the last fault: everything runs again, a person decides about what was parked, and all comes to rest."""

import time
from collections.abc import Callable, Iterator, Sized

import psycopg

from chaos import trouble
from chaos.broker import BrokerError, Place, open_broker
from chaos.scene import Scene, Stopped
from cli import parked_rows

SCHEMAS = ("api", "payment", "delivery", "restaurant")
LOOK_SECONDS = 1.0
QUIET_LOOKS = 2  # in a row

PARKED = "SELECT count(*) FROM {schema}.parked"
# Ticks never end, and are no order.
POSITIONS = "SELECT topic, partition, next FROM {schema}.position WHERE topic <> 'ticks'"
CALLS = "SELECT count(*) FROM payment.payment WHERE due_at IS NOT NULL"
OPEN = "SELECT count(*) FROM api.orders WHERE open"


def heal(scene: Scene) -> list[str]:
    """No fault is left; returns when all are ready, or what is said of those that do not get so."""
    try:
        for part in scene.stack.processes():
            if not scene.stack.incarnation(part):
                scene.stack.start(part)
        scene.stack.wait_ready()
        trouble.heal(scene)
    except Stopped:
        raise
    except Exception as error:  # whatever a runtime says
        return [f"{type(error).__name__}: {error}"]
    return []


def decide(scene: Scene) -> None:
    """As a person would by `demae parked`: each head is released once, and discarded when it fails again.

    Raises psycopg.OperationalError while there is no database.
    """
    with scene.connect() as db:
        heads = [one for one in parked_rows.waiting(db) if one.state == "head"]
        for tried, decision in ((False, "released"), (True, "discarded")):
            mine = [one for one in heads if (one.attempts > 1) is tried]
            for one in parked_rows.decide(db, mine, decision, "chaos", "no event at all"):
                scene.recorder.decided(decision, one.consumer, (one.topic, one.partition, one.offset), one.key)


def settle(scene: Scene, unsettled: Callable[[], Sized], say: Callable[[str], None], seconds: float) -> list[str]:
    """Waits until nothing moves any more; -> what still did after `seconds`."""
    deadline, quiet = time.monotonic() + seconds, 0
    while quiet < QUIET_LOOKS:
        left = [f"{n} orders not told to their end"] if (n := len(unsettled())) else []
        try:
            decide(scene)
            left += restless(scene)
        except (psycopg.OperationalError, BrokerError) as error:
            left.append(f"no answer to {error!r}")
        quiet = 0 if left else quiet + 1
        if time.monotonic() > deadline:
            return left
        say(f"healing: {', '.join(left) or 'quiet'} ({deadline - time.monotonic():.0f} s left)")
        scene.last(LOOK_SECONDS)
    return []


def restless(scene: Scene) -> list[str]:
    """What is under way, seen from the tables and the log."""
    counts = {"open orders": OPEN, "calls to the provider": CALLS}
    counts |= {f"events parked by {schema}": PARKED.format(schema=schema) for schema in SCHEMAS}
    found = {what: scene.ask(query)[0][0] for what, query in counts.items()}
    found |= {f"records that {schema} has not read": behind for schema, behind in _behind(scene)}
    return [f"{n} {what}" for what, n in found.items() if n]


def _behind(scene: Scene) -> Iterator[tuple[str, int]]:
    with open_broker(scene.stack.kafka_bootstrap) as broker:
        for schema in SCHEMAS:
            rows = scene.ask(POSITIONS.format(schema=schema))
            yield schema, sum(broker.extent(Place(topic, n))[1] - next_ for topic, n, next_ in rows)
