"""The mutants: each breaks one rule of the design in one module, as a change that a person might make by mistake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from mutants import changes


@dataclass(frozen=True)
class Mutant:
    """One way of doing it wrong."""

    about: str
    module: str
    change: Callable[[ModuleType], None]
    provocation: str
    """Name of what brings it to light: see provocations.py."""
    caught_by: frozenset[str]
    """Invariants, one of which at least must be violated."""
    processes: tuple[str, ...]
    """What `python -m` is called with: the processes that become mutants."""


def _by(*invariants: str) -> frozenset[str]:
    return frozenset(invariants)


PROJECTOR, DELIVERY, KEEPER, NOTIFIER, PAYMENT = (
    ("api projector",),
    ("delivery",),
    ("keeper",),
    ("notifier",),
    ("payment",),
)

MUTANTS: Mapping[str, Mutant] = {
    "no inbox": Mutant(
        "A repeated event is handled again.",
        "chassis.inbox", changes.no_inbox, "repeats", _by("I12"), PROJECTOR,
    ),
    "offset before commit": Mutant(
        "The position is moved first; the effect follows, if the process lives.",
        "chassis.handling", changes.offset_before_commit, "crashes", _by("I7", "I12"), PROJECTOR,
    ),
    "publish outside the transaction": Mutant(
        "The event is committed by itself; the state that it tells of, perhaps.",
        "chassis.outbox", changes.publish_outside, "crashes", _by("I7", "I12"), DELIVERY,
    ),
    "no CLOSED row": Mutant(
        "The end of an order is forgotten by a service that has not begun on it.",
        "delivery.domain", changes.no_closed_row, "cancels", _by("I7"), DELIVERY,
    ),
    "wall-clock deadline": Mutant(
        "Deadlines count seconds, whether the log flows or not.",
        "api.store", changes.wall_clock, "standstill", _by("I15"), PROJECTOR,
    ),
    "deadline fired directly": Mutant(
        "The scan cancels orders itself, ahead of what the log has still to tell.",
        "api.handlers", changes.fired_directly, "calm", _by("I15"), PROJECTOR,
    ),
    "clock that is no closed loop": Mutant(
        "A tick a second, whether the one before it came out of the log or not.",
        "keeper.domain", changes.open_loop, "standstill", _by("I15"), KEEPER,
    ),
    "no lease on the provider call": Mutant(
        "A row that is being asked about is taken again, and every answer is believed.",
        "payment.store", changes.no_lease, "slow provider", _by("I7"), PAYMENT,
    ),
    "position outside the transaction": Mutant(
        "The position stays moved when the batch is rolled back.",
        "chassis.positions", changes.position_outside, "poison", _by("I11", "I12"), PROJECTOR,
    ),
    "subscriber registered after the read": Mutant(
        "What is made between the read of the journal and the registration is missed.",
        "notifier.channel", changes.registered_late, "calm", _by("I8"), NOTIFIER,
    ),
    "no owner check in subscribe": Mutant(
        "Whoever knows an order's id may watch it.",
        "notifier.domain", changes.no_owner_check, "calm", _by("I9"), NOTIFIER,
    ),
    "dropped event": Mutant(
        "Change data capture leaves out what one service says.",
        "keeper.connector", changes.dropped, "calm", _by("I5"), KEEPER,
    ),
    "swapped events": Mutant(
        "A lost slot is repaired in another order than that of the commits.",
        "keeper.connector", changes.swapped, "lost slot", _by("I4", "I5"), KEEPER,
    ),
    "doubled event": Mutant(
        "A fact is told twice, under two ids.",
        "chassis.outbox", changes.doubled, "calm", _by("I7"), DELIVERY,
    ),
    "double charge": Mutant(
        "After a lost answer the provider is asked for another payment.",
        "payment.provider", changes.double_charge, "lost answers", _by("I1"), PAYMENT,
    ),
}  # fmt: skip
