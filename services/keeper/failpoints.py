"""The keeper's own places where a crash matters; see `chassis.failpoints`."""

from collections.abc import Mapping

POINTS: Mapping[str, str] = {
    "keeper.before_tick": "A tick is written, and not committed.",
    "keeper.after_tick": "A tick is committed; this process does not know it.",
    "keeper.slot_dropped": "A lost slot is dropped; there is no other one yet.",
    "keeper.registered": "The connector is registered; this process does not know it.",
}
