"""Which records of a fetch are still to be handled, as the owner of their places."""

from typing import cast

from chassis.database import Database
from chassis.envelope import Record
from chassis.kafka import Place
from chassis.owned import Owned
from chassis.testing import FakeBroker

PLACE, OTHER = Place("counted.events", 1), Place("counted.events", 2)


def test_place_that_came_back_goes_on_where_it_is() -> None:
    """Another owner was further meanwhile: what is in hand of before him moves nothing back."""
    owned = Owned(cast(Database, None), FakeBroker({}).log("counting"), [PLACE.topic])
    records = [Record(*place, offset, b"k", b"{}", []) for place in (PLACE, OTHER) for offset in range(10, 13)]
    owned.saved = {PLACE: 11}
    assert [record.offset for record in owned.only(records)] == [11, 12]
    owned.saved = {PLACE: 13}
    assert owned.moves(owned.only(records)) == []
