"""What customers wish for and how everybody behaves about it: pure data, the same for the same seed and number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from random import Random
from typing import TypeVar

GOOD = "pm_card_visa"
DECLINED = ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_visa_chargeDeclinedLostCard")
DELIVERED = frozenset({"DELIVERED"})
CANCELLED = frozenset({"CUSTOMER", "DELIVERED"})  # or it came too late
MANUAL, SCARCE = ("chez-margot", "quiche"), ("sobaya", "genmaicha")
REPORTED = ("chez-margot", "ratatouille")
COOKING = (("sobaya", "edamame"), ("taqueria-sol", "guacamole"), ("curry-leaf", "chana-masala"))
RESTAURANTS = frozenset({"bench-kitchen", MANUAL[0], SCARCE[0], REPORTED[0], *(where for where, _ in COOKING)})
T = TypeVar("T")


class Manner(Enum):
    """How an order is placed."""

    PLAIN = "once"
    TWICE = "twice at once, by one key"
    OTHER = "once, and again by the same key with another dish"
    LOST = "without waiting for the answer, and again by the same key"


class Kitchen(Enum):
    """What a kitchen by hand does when it has the order; the others cook by themselves."""

    COOKS = "says when it is ready"
    REPORTS = "says that the dish is out, and restocks"
    SLEEPS = "says nothing"


class Courier(Enum):
    """What the courier does."""

    CARRIES = "picks up and delivers"
    LEAVES = "ends the shift before picking up, once"
    FORGETS = "never picks up"
    VANISHES = "picks up, and never delivers"


@dataclass(frozen=True, slots=True)
class Cancel:
    """By the customer, so many seconds after a push of this status; after the acknowledgement when it is empty."""

    seconds: float
    status: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """One order: `cards` are tried one after the other when one is declined, `endings` are the ways it may end.

    An ending is DELIVERED or a cancellation's reason.
    """

    journey: str = ""
    restaurant: str = "bench-kitchen"
    item: str = "ration"
    card: str = GOOD
    cards: tuple[str, ...] = ()
    manner: Manner = Manner.PLAIN
    cancel: Cancel | None = None
    kitchen: Kitchen = Kitchen.COOKS
    kitchen_seconds: float = 0.0
    courier: Courier = Courier.CARRIES
    curious: bool = False
    """A stranger tries to watch it, too."""
    endings: frozenset[str] = DELIVERED


def happy(_dice: Random) -> Wish:
    """All goes well, at once."""
    return Wish()


def cooked(dice: Random) -> Wish:
    """A kitchen that takes its seconds and says by itself when it is ready."""
    restaurant, item = dice.choice(COOKING)
    return Wish(restaurant=restaurant, item=item)


def by_hand(dice: Random) -> Wish:
    """A kitchen of people, slow at times."""
    return replace(_manual(), kitchen_seconds=dice.uniform(0.2, 6.0))


def declined_retried(dice: Random) -> Wish:
    """The first card is declined, sometimes the second too, then one is good."""
    more = tuple(dice.choice(DECLINED) for _ in range(dice.choice((0, 0, 0, 1))))
    return Wish(card=dice.choice(DECLINED), cards=(*more, GOOD))


def declined_left(dice: Random) -> Wish:
    """The card is declined and the customer gone."""
    return Wish(card=dice.choice(DECLINED), endings=frozenset({"PAYMENT_FAILED"}))


def cancelled_early(dice: Random) -> Wish:
    """The customer changes her mind at a random moment: before the money, in the middle of it, behind it."""
    return Wish(cancel=Cancel(dice.expovariate(4.0)), endings=CANCELLED)


def cancelled_later(dice: Random) -> Wish:
    """The customer changes her mind when a push tells of progress."""
    status = dice.choice(("PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED"))
    return replace(cooked(dice), cancel=Cancel(dice.choice((0.0, 0.3)), status), endings=CANCELLED)


def cancel_races_pickup(dice: Random) -> Wish:
    """Customer and courier act on the same push."""
    return Wish(cancel=Cancel(dice.uniform(0.0, 0.02), "READY"), endings=CANCELLED)


def scarce(_dice: Random) -> Wish:
    """A dish of which there is little, restocked when it is out."""
    restaurant, item = SCARCE
    return Wish(restaurant=restaurant, item=item, endings=frozenset({"DELIVERED", "OUT_OF_STOCK"}))


def reported(dice: Random) -> Wish:
    """The kitchen finds that it is out of the dish, and restocks a little later."""
    restaurant, item = REPORTED
    out = Wish(restaurant=restaurant, item=item, kitchen=Kitchen.REPORTS, endings=frozenset({"OUT_OF_STOCK"}))
    return replace(out, kitchen_seconds=dice.uniform(0.0, 1.0))


def shift_ended(_dice: Random) -> Wish:
    """The courier goes home before the dish is ready: another one carries it."""
    return replace(_manual(), kitchen_seconds=3.0, courier=Courier.LEAVES)


def kitchen_sleeps(_dice: Random) -> Wish:
    """Nobody in the kitchen."""
    return replace(_manual(), kitchen=Kitchen.SLEEPS, endings=frozenset({"NOT_READY"}))


def never_picked_up(_dice: Random) -> Wish:
    """A courier who forgets."""
    return Wish(courier=Courier.FORGETS, endings=frozenset({"NOT_PICKED_UP"}))


def never_delivered(_dice: Random) -> Wish:
    """A courier who vanishes with the dish."""
    return Wish(courier=Courier.VANISHES, endings=frozenset({"NOT_DELIVERED"}))


def _manual() -> Wish:
    restaurant, item = MANUAL
    return Wish(restaurant=restaurant, item=item)


# Lazy couriers and kitchens keep a courier for a whole allowance: a few of them are many couriers.
JOURNEYS: Mapping[Callable[[Random], Wish], int] = {
    happy: 500,
    cooked: 100,
    by_hand: 60,
    declined_retried: 70,
    declined_left: 20,
    cancelled_early: 60,
    cancelled_later: 50,
    cancel_races_pickup: 40,
    scarce: 35,
    reported: 20,
    shift_ended: 32,
    kitchen_sleeps: 4,
    never_picked_up: 4,
    never_delivered: 5,
}
"""In a thousand orders."""

MANNERS: Mapping[Manner, int] = {Manner.PLAIN: 90, Manner.TWICE: 4, Manner.OTHER: 2, Manner.LOST: 4}
CURIOUS = 0.01


def wish(seed: int, number: int) -> Wish:
    """Order `number` of the run."""
    dice = Random(f"wish {seed} {number}")
    journey = _drawn(dice, JOURNEYS)
    manner, curious = _drawn(dice, MANNERS), dice.random() < CURIOUS
    return replace(journey(dice), journey=journey.__name__, manner=manner, curious=curious)


def _drawn(dice: Random, weights: Mapping[T, int]) -> T:
    return dice.choices(list(weights), list(weights.values()))[0]
