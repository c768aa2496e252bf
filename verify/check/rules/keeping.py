"""I13 and I14: the log's retention is bounded and watched, and nothing needed a hand."""

from collections.abc import Iterator

from check.case import Breach
from check.world import World

HEALS_ITSELF = frozenset(
    {"kill", "stop", "pause", "restart", "failpoint", "slot_dropped", "slot_invalidated", "connect_offsets_deleted"}
)
RECOVERY_SECONDS = 180.0  # behind which a part that was healed counts as one that needs a hand
MEGABYTE = 1 << 20


def retained(world: World) -> Iterator[Breach]:
    """I13: the slot is there, healthy and bounded, and the keeper's alarm sees what Postgres sees. Gaps are I5's."""
    slot = world.slot
    if slot is None:
        yield Breach("I13", "slot", "there is no replication slot: what is committed now is repaired later, or lost")
        return
    if slot.wal_status not in ("reserved", "extended"):
        yield Breach("I13", "slot", f"the replication slot is {slot.wal_status}")
    if not slot.active:
        yield Breach("I13", "slot", "nobody reads the replication slot")
    if slot.keep_megabytes < 0:
        yield Breach(
            "I13", "slot", "max_slot_wal_keep_size is -1: the WAL that Postgres keeps for the slot has no bound"
        )
    elif slot.bytes_behind > slot.keep_megabytes * MEGABYTE:
        yield Breach("I13", "slot", f"the slot is {slot.bytes_behind >> 20} MB behind, {slot.keep_megabytes} are kept")
    if world.keeper and "slot_bytes_behind" not in world.keeper:
        yield Breach("I13", "keeper", "it does not report slot_bytes_behind: nobody would be warned")


def recovered(world: World) -> Iterator[Breach]:
    """I14: every part that was disturbed works again by itself."""
    for fault in world.histories.faults:
        since = fault.healed or (fault.began if fault.what == "kill" else 0.0)
        if fault.what in HEALS_ITSELF and since and not fault.recovered:
            waited = world.histories.last - since
            if waited > RECOVERY_SECONDS:
                yield Breach("I14", fault.part, f"{fault.what}: it has not recovered within {waited:.0f} s")
