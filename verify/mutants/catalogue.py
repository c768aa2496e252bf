"""The mutants: each breaks one rule of the design in one module, as a change that a person might make by mistake."""

from collections.abc import Callable, Mapping, Sequence
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
    caught_by: Mapping[str, Sequence[str]]
    """Invariant → words of the sentence that tells of what this mutant does; one of these at least must be seen."""
    processes: tuple[str, ...]
    """What `python -m` is called with: the processes that become mutants."""

    def seen(self, violated: Mapping[str, Sequence[str]]) -> str:
        """The first of these sentences that is about it, with its invariant; empty for none."""
        told = ((name, said, words) for name, words in self.caught_by.items() for said in violated.get(name, ()))
        return next((f"{name}: {said}" for name, said, words in told if all(word in said for word in words)), "")


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
        "chassis.inbox", changes.no_inbox, "repeats",
        {"I12": ["duplicate: the event"]}, PROJECTOR,
    ),
    "offset before commit": Mutant(
        "The position is moved first; the effect follows, if the process lives.",
        "chassis.handling", changes.offset_before_commit, "crashes",
        {"I12": ["lost update:", "is in no version"]}, PROJECTOR,
    ),
    "publish outside the transaction": Mutant(
        "The event is committed by itself; the state that it tells of, perhaps.",
        "chassis.outbox", changes.publish_outside, "crashes",
        {"I7": ["delivery_assigned", "under different ids"]}, DELIVERY,
    ),
    "no CLOSED row": Mutant(
        "The end of an order is forgotten by a service that has not begun on it.",
        "delivery.domain", changes.no_closed_row, "cancels",
        {"I7": ["delivery gave a closed order a courier"]}, DELIVERY,
    ),
    "wall-clock deadline": Mutant(
        "Deadlines count seconds, whether the log flows or not.",
        "api.store", changes.wall_clock, "standstill",
        {"I15": ["ticks of"]}, PROJECTOR,
    ),
    "deadline fired directly": Mutant(
        "The scan cancels orders itself, ahead of what the log has still to tell.",
        "api.handlers", changes.fired_directly, "calm",
        {"I15": ["fired directly"]}, PROJECTOR,
    ),
    "clock that is no closed loop": Mutant(
        "A tick a second, whether the one before it came out of the log or not.",
        "keeper.domain", changes.open_loop, "standstill",
        {"I15": ["it was written", "before tick"]}, KEEPER,
    ),
    "no lease on the provider call": Mutant(
        "A row that is being asked about is taken again, and every answer is believed.",
        "payment.store", changes.no_lease, "slow provider",
        {"I7": ["payment_completed", "under different ids"]}, PAYMENT,
    ),
    "position outside the transaction": Mutant(
        "The position stays moved when the batch is rolled back.",
        "chassis.positions", changes.position_outside, "poison",
        {"I11": ["was not parked by api"], "I12": ["lost update:", "is in no version"]}, PROJECTOR,
    ),
    "subscriber registered after the read": Mutant(
        "What is made between the read of the journal and the registration is missed.",
        "notifier.channel", changes.registered_late, "calm",
        {"I8": ["was not shown for"]}, NOTIFIER,
    ),
    "no owner check in subscribe": Mutant(
        "Whoever knows an order's id may watch it.",
        "notifier.domain", changes.no_owner_check, "calm",
        {"I9": ["of somebody else's order"]}, NOTIFIER,
    ),
    "dropped event": Mutant(
        "Change data capture leaves out what one service says.",
        "keeper.connector", changes.dropped, "calm",
        {"I5": ["lost event:", "of restaurant"]}, KEEPER,
    ),
    "swapped events": Mutant(
        "A lost slot is repaired in another order than that of the commits.",
        "keeper.connector", changes.swapped, "lost slot",
        {"I5": ["came out in another order than they were written"]}, KEEPER,
    ),
    "doubled event": Mutant(
        "A fact is told twice, under two ids.",
        "chassis.outbox", changes.doubled, "calm",
        {"I7": ["delivery_assigned", "under different ids"]}, DELIVERY,
    ),
    "double charge": Mutant(
        "After a lost answer the provider is asked for another payment.",
        "payment.provider", changes.double_charge, "lost answers",
        {"I1": ["double charge:"]}, PAYMENT,
    ),
}  # fmt: skip
