"""The schedule of faults: pure, the same for the same seed, and each fault in its time."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.deeds import DEEDS
from chaos.faults import AROUND, LOG, OUTAGE_SECONDS, POISONS, SERVICES, STRIKE_SECONDS, Card, deck
from chaos.plan import ALLOWANCES
from chaos.records import POISONS as MADE
from chaos.schedule import DOUBLE_SECONDS, FIRST_SECONDS, LAST_SECONDS, schedule
from chaos.trouble import FAULTS

DECK = deck(test_build=True)
SECONDS = 900.0
seeds = st.integers(0, 2**32)


@settings(deadline=None)
@given(seeds)
def test_same_seed_same_schedule(seed: int) -> None:
    """Another seed is another schedule."""
    assert schedule(seed, SECONDS, DECK) == schedule(seed, SECONDS, DECK)
    assert schedule(seed, SECONDS, DECK) != schedule(seed + 1, SECONDS, DECK)


@settings(deadline=None)
@given(seeds, st.floats(60, 3600))
def test_faults_stay_in_time(seed: int, seconds: float) -> None:
    """Load runs alone at first and at last, so that each recovery is seen."""
    for fault in schedule(seed, seconds, DECK):
        assert FIRST_SECONDS <= fault.at <= fault.end <= seconds - LAST_SECONDS


@settings(deadline=None)
@given(seeds)
def test_faults_have_air_between(seed: int) -> None:
    """Only a second fault of a pair comes into another one, and it hits another part."""
    dealt = schedule(seed, SECONDS, DECK)
    for before, fault in itertools.pairwise(dealt):
        if fault.double:
            assert 0 <= fault.at - before.at <= DOUBLE_SECONDS[1] + 0.01
            assert fault.part != before.part
        else:
            assert fault.at > before.end


@settings(deadline=None)
@given(seeds)
def test_every_kind_comes_once_first(seed: int) -> None:
    """Nothing comes twice before the whole deck was dealt, and nothing is left out of it."""
    dealt = [(fault.kind, fault.part, fault.detail) for fault in schedule(seed, 4 * SECONDS, DECK)]
    deck_ = Counter((card.kind, card.part, card.detail) for card in DECK)
    assert Counter(dealt[: len(DECK)]) == Counter(dealt[len(DECK) : 2 * len(DECK)]) == deck_


def test_short_run_leaves_out_long_faults() -> None:
    """A fault never takes more than its share of a run."""
    long = Card("stop", "connect", (70.0, 70.0))
    assert {fault.part for fault in schedule(1, 180, [long, Card("kill", "payment")])} == {"payment"}


def test_empty_deck_has_no_faults() -> None:
    """A run without faults is a run, too."""
    assert schedule(1, SECONDS, []) == []


def test_every_part_dies_and_freezes() -> None:
    """Each process of ours and each part around is killed and stopped at least once."""
    parts = {*SERVICES, *AROUND, *LOG}
    for kind in ("kill", "pause"):
        assert {card.part for card in DECK if card.kind == kind} == parts


def test_every_card_can_be_done() -> None:
    """There is a deed for each kind, and the words in details are known where they are used."""
    assert {card.kind for card in DECK} == set(DEEDS)
    assert {card.detail for card in DECK if card.kind == "provider"} == set(FAULTS)
    assert {card.detail for card in DECK if card.kind == "poison"} == set(POISONS) == set(MADE)


def test_failpoints_need_a_test_build() -> None:
    """Images for people have no such places."""
    assert "failpoint" not in {card.kind for card in deck(test_build=False)}


def test_outage_is_longer_than_any_deadline() -> None:
    """Nothing may be cancelled by the log's own stop; whoever finds no courier in a strike is."""
    assert max(ALLOWANCES.values()) < OUTAGE_SECONDS
    assert ALLOWANCES["no_courier"] < STRIKE_SECONDS


@pytest.mark.parametrize("card", [card for card in DECK if card.part not in LOG and card.kind != "strike"], ids=str)
def test_healthy_orders_outlive_other_faults(card: Card) -> None:
    """What is not of the log is over long before the shortest allowance."""
    assert card.seconds[1] <= min(ALLOWANCES.values()) / 3
