"""I13 and I14: the log's retention is bounded and watched, and nothing needed a hand."""

from collections.abc import Iterator

from check.case import Breach
from check.clients import Fault
from check.world import World

HEALS_ITSELF = frozenset(
    {"kill", "stop", "pause", "restart", "failpoint", "slot_dropped", "slot_invalidated", "connect_offsets_deleted"}
)
LASTING = frozenset({"stop", "pause", "restart"})  # until they are healed
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
    """I14: every part that was disturbed works again by itself, as far as the histories reach."""
    for fault in _to_heal(world):
        since = fault.healed or (0.0 if fault.what in LASTING else fault.began)
        waited = (fault.recovered or world.histories.last) - since
        if since and waited > RECOVERY_SECONDS:
            how = "it recovered only after" if fault.recovered else "it has not recovered within"
            yield Breach("I14", fault.part, f"{fault.what}: {how} {waited:.0f} s")


def awaited(world: World) -> bool:
    """Somebody saw the recovery from every disturbance."""
    return all(fault.recovered for fault in _to_heal(world))


def _to_heal(world: World) -> list[Fault]:
    return [fault for fault in world.histories.faults if fault.what in HEALS_ITSELF]
