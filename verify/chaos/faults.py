"""The faults there are, as cards of a deck: what, of which part, for how long, how much air behind it. Pure data."""

from dataclasses import dataclass

SERVICES = ("api-http", "api-projector", "payment", "delivery", "restaurant", "notifier", "keeper")
AROUND = ("edge", "provider")
LOG = ("postgres", "kafka", "connect")
BATCHES = ("batch.before_commit", "batch.after_commit", "consumer.before_offsets", "batch.before_commit")
CALLS = ("work.before_call", "work.after_call", "work.after_settle")  # payment's, to the provider
CONSUMERS = ("api-projector", "payment", "delivery", "restaurant")

# Longer than the longest allowance (plan.py): nothing comes out of the log meanwhile, and no deadline may pass.
OUTAGE_SECONDS = 70.0
BROKER_SECONDS = 12.0  # longer than the sessions of all members of groups, Connect's worker too: nobody is one any more
STRIKE_SECONDS = 60.0  # longer than the allowance of `no_courier`


@dataclass(frozen=True, slots=True)
class Card:
    """One kind of fault. `seconds` (shortest, longest) is how long it lasts; `air` follows before the next one."""

    kind: str
    part: str
    seconds: tuple[float, float] = (0.0, 0.0)
    air: float = 8.0
    detail: str = ""


def deck(*, test_build: bool) -> list[Card]:
    """Every fault once; those at named places of the code are in test builds only."""
    return [*_deaths(), *_zombies(), *_log(), *_outside(), *_strange(), *(_crashes() if test_build else ())]


def _deaths() -> list[Card]:
    """kill -9; the supervisor starts it again. A restart is a stop in order."""
    killed = [Card("kill", part) for part in (*SERVICES, *AROUND)]
    killed += [Card("kill", part, air=18) for part in LOG]
    return killed + [Card("restart", part, (0.0, 3.0), air=18) for part in LOG]


def _crashes() -> list[Card]:
    """At the places where a crash matters most: between an effect and what is to follow from it."""
    places = [Card("failpoint", process, detail=place) for process, place in zip(CONSUMERS, BATCHES, strict=True)]
    return places + [Card("failpoint", "payment", detail=place) for place in CALLS]


def _zombies() -> list[Card]:
    """SIGSTOP: shorter and longer than the group's session time-out, so that some wake up as strangers."""
    frozen = [Card("pause", part, (2.0, 10.0)) for part in (*SERVICES, *AROUND)]
    return frozen + [Card("pause", part, (2.0, 8.0), air=18) for part in LOG]


def _log() -> list[Card]:
    """Change data capture and positions."""
    return [
        Card("stop", "connect", (OUTAGE_SECONDS, OUTAGE_SECONDS), air=40),
        Card("stop", "kafka", (BROKER_SECONDS, BROKER_SECONDS), air=25),
        Card("slot_dropped", "connect", air=30),
        Card("slot_invalidated", "connect", (4.0, 8.0), air=30),
        Card("connect_offsets_deleted", "connect", air=30),
        *(Card("offsets_rewound", process) for process in CONSUMERS[:2]),
        *(Card("offsets_deleted", process) for process in CONSUMERS[2:3]),
        *(Card("offsets_advanced", process) for process in CONSUMERS[3:]),
    ]


def _outside() -> list[Card]:
    """The payment provider in trouble, and couriers who strike."""
    return [
        Card("provider", "provider", (6.0, 12.0), detail="unavailable"),
        Card("provider", "provider", (6.0, 12.0), detail="hang"),
        Card("provider", "provider", (6.0, 12.0), detail="lose_answer"),
        Card("provider", "provider", (6.0, 12.0), detail="error_after"),
        Card("provider", "provider", (6.0, 12.0), detail="refuse_refunds"),
        Card("strike", "couriers", (STRIKE_SECONDS, STRIKE_SECONDS), air=10),
    ]


def _strange() -> list[Card]:
    """What comes into the log and does not belong there."""
    topics = ("orders.events", "orders.events", "orders.journal", "couriers.events", "restaurants.events", "ticks")
    return [
        *(Card("duplicates", topic, air=1) for topic in topics),
        *(Card("poison", "orders.events", air=1, detail=what) for what in POISONS),
    ]


POISONS = ("bad_json", "wrong_shape", "wrong_version", "unknown_type", "huge", "null_key", "deep", "tombstone", "no_id")


@dataclass(frozen=True, slots=True)
class Fault:
    """A card that was dealt: `at` seconds from the first order on. `dice` seeds what else is random about it."""

    at: float
    kind: str
    part: str
    seconds: float
    detail: str
    dice: int
    double: bool = False
    """It comes into the one before it."""

    @property
    def end(self) -> float:
        """When its cause is taken away again, but for what the doing takes."""
        return self.at + self.seconds

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.part}{f' ({self.detail})' if self.detail else ''}{lasting}"
