"""Which fault comes when: pure, the same for the same seed, length and deck."""

from collections.abc import Iterator, Sequence
from random import Random

from chaos.faults import Card, Fault

FIRST_SECONDS = 8.0  # of load before the first fault
LAST_SECONDS = 12.0  # of load behind the end of the last one
AIR = (0.8, 1.3)  # times the card's own
DOUBLE_CHANCE = 0.2
DOUBLE_SECONDS = (0.0, 3.0)  # behind the first one's begin
LONGEST_SHARE = 0.2  # of the whole run for one fault


def schedule(seed: int, seconds: float, deck: Sequence[Card]) -> list[Fault]:
    """The faults of a run, by time. Each kind comes once before one comes twice, as far as the time reaches."""
    dice = Random(f"schedule {seed}")
    cards = _shuffled(dice, [card for card in deck if card.seconds[1] <= LONGEST_SHARE * seconds])
    dealt: list[Fault] = []
    at, card = FIRST_SECONDS, next(cards, None)
    while card:
        hand, airs, other = [_fault(dice, card, at)], [card.air], next(cards)
        if dice.random() < DOUBLE_CHANCE and other.part != card.part:
            hand.append(_fault(dice, other, at + dice.uniform(*DOUBLE_SECONDS), double=True))
            airs.append(other.air)
            other = next(cards)
        if max(fault.end for fault in hand) > seconds - LAST_SECONDS:
            break
        dealt += hand
        at = max(fault.end + air * dice.uniform(*AIR) for fault, air in zip(hand, airs, strict=True))
        card = other
    return dealt


def _shuffled(dice: Random, deck: Sequence[Card]) -> Iterator[Card]:
    """The deck in a random order, again and again."""
    while deck:
        yield from dice.sample(deck, len(deck))


def _fault(dice: Random, card: Card, at: float, *, double: bool = False) -> Fault:
    seconds = dice.uniform(*card.seconds)
    return Fault(round(at, 2), card.kind, card.part, round(seconds, 2), card.detail, dice.randrange(2**32), double)
