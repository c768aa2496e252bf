"""What customers wish for: every journey in its share, and the same for the same seed."""

import json
from collections import Counter

from api.events import Reason
from api.settings import ApiSettings
from chaos.journeys import JOURNEYS, MANNERS, RESTAURANTS, Courier, Kitchen, wish
from chaos.plan import ALLOWANCES
from chaos.verdict import DEADLINES
from runtime.layout import ROOT

MANY = [wish(1, number) for number in range(4000)]
SEED = json.loads((ROOT / "services" / "restaurant" / "seed.json").read_text())


def test_same_seed_same_wishes() -> None:
    """Order by order, whatever came before it."""
    assert [wish(1, number) for number in (7, 3999)] == [MANY[7], MANY[3999]]
    assert [wish(2, number) for number in range(100)] != MANY[:100]


def test_every_journey_is_travelled() -> None:
    """Each in about its share."""
    counts = Counter(one.journey for one in MANY)
    for journey, share in JOURNEYS.items():
        assert 0.2 * share < counts[journey.__name__] / 4 < 3 * share
    assert sum(JOURNEYS.values()) == 1000
    assert {one.manner for one in MANY} == set(MANNERS)
    assert any(one.curious for one in MANY)


def test_every_behaviour_is_shown() -> None:
    """Kitchens and couriers of every kind."""
    assert {one.kitchen for one in MANY} == set(Kitchen)
    assert {one.courier for one in MANY} == set(Courier)


def test_dishes_are_on_the_menu() -> None:
    """Of the restaurants that a new system has."""
    menus = {one["restaurant_id"]: {dish["item_id"] for dish in one["menu"]} for one in SEED}
    assert all(one.item in menus[one.restaurant] for one in MANY)
    assert {one.restaurant for one in MANY} == RESTAURANTS


def test_endings_are_real_ones() -> None:
    """DELIVERED, or a reason of the contract; every reason but those of a broken system is meant by somebody."""
    meant = {ending for one in MANY for ending in one.endings}
    reasons = {reason.upper() for reason in Reason}
    assert meant - {"DELIVERED"} <= reasons
    assert reasons - meant == {"PAYMENT_TIMEOUT", "NO_COURIER", "RESTAURANT_SILENT"}


def test_every_wait_has_a_short_allowance() -> None:
    """The settings that chaos gives are the service's own, and all of them."""
    assert set(ALLOWANCES) == set(ApiSettings.complete({}))
    assert {reason.upper() for reason in ALLOWANCES} == DEADLINES
