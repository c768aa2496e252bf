"""Faults of change data capture: its slot, and what Connect remembers of it."""

import json
import urllib.request
from random import Random
from typing import Any

from chaos.faults import Fault
from chaos.scene import Scene

SLOT = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'demae'"
# Who is being served holds the slot: let go, and drop it before it is taken again.
DROP = """
SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'demae' AND active;
SELECT pg_drop_replication_slot('demae')
"""
SEGMENT = "SELECT pg_current_xact_id(); SELECT pg_switch_wal()"
SEGMENTS = 8  # of 16 MB, between two looks
CONNECTOR = "connectors/demae"
ASK_SECONDS = 10.0


def drop_slot(scene: Scene, _fault: Fault, _dice: Random) -> None:
    """As a person would by mistake: nothing is kept for the connector from now on."""

    def dropped() -> bool:
        scene.ask(DROP)
        return True

    scene.until(dropped, "the slot dropped")


def invalidate_slot(scene: Scene, fault: Fault, _dice: Random) -> None:
    """Connect stands while more is written than `max_slot_wal_keep_size`: Postgres gives the slot up."""

    def lost() -> bool:
        for _ in range(SEGMENTS):
            scene.ask(SEGMENT)
        scene.ask("CHECKPOINT")
        return scene.ask(SLOT) == [("lost",)]

    with scene.frozen("connect"):
        scene.until(lost, "the slot lost", 60.0)
        scene.last(fault.seconds)


def forget_offsets(scene: Scene, _fault: Fault, _dice: Random) -> None:
    """Connect no longer knows how far it was: it reads everything again."""
    scene.until(lambda: _connect(scene, "PUT", "stop") is not None, "Connect to stop the connector")
    scene.until(lambda: _state(scene) == "STOPPED", "the connector stopped")
    scene.until(lambda: _connect(scene, "DELETE", "offsets") is not None, "Connect to forget")
    scene.until(lambda: _connect(scene, "PUT", "resume") is not None, "Connect to resume the connector")


def _state(scene: Scene) -> str:
    said = _connect(scene, "GET", "status")
    return str(said["connector"]["state"])


def _connect(scene: Scene, method: str, what: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{scene.stack.connect_url}/{CONNECTOR}/{what}", method=method)
    with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:
        return dict(json.loads(answer.read() or b"{}"))
