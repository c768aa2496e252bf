"""Doing a fault. Each deed blocks until its cause is taken away again."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from chaos import capture, crashes, positions, records, trouble
from chaos.faults import Fault
from chaos.scene import Scene, Stopped

COURIERS_SECONDS = 90.0  # each is told until the API answers

Deed = Callable[[Scene, Fault, Random], None]


@dataclass(frozen=True, slots=True)
class Done:
    """A fault as it was done, in unix time: `ended` is when its cause was gone. `failed`: it could not be done."""

    fault: Fault
    began: float
    ended: float
    failed: str = ""


def do(scene: Scene, fault: Fault) -> Done:
    """Begin, last, end. Raises nothing but Stopped: what a part says while others break it, too, is told."""
    began = time.time()
    try:
        DEEDS[fault.kind](scene, fault, Random(fault.dice))
    except Stopped:
        raise
    except Exception as error:  # whatever a client of a part says while the part is away
        return Done(fault, began, time.time(), f"{type(error).__name__}: {error}"[:300])
    return Done(fault, began, time.time())


def kill(scene: Scene, fault: Fault, _dice: Random) -> None:
    """Signal 9, once it runs; the runtime starts it again by itself."""
    scene.until(lambda: scene.stack.incarnation(fault.part), f"{fault.part} to kill")
    scene.stack.kill(fault.part)


def pause(scene: Scene, fault: Fault, _dice: Random) -> None:
    """A zombie that does not know it."""
    with scene.frozen(fault.part):
        scene.last(fault.seconds)


def stop(scene: Scene, fault: Fault, _dice: Random) -> None:
    """An end in order, and a new start after a while."""
    with scene.stopped(fault.part):
        scene.last(fault.seconds)


def strike(scene: Scene, fault: Fault, _dice: Random) -> None:
    """All couriers end their shift."""
    try:
        _all_couriers(scene, striking=True)
        scene.last(fault.seconds)
    finally:
        _all_couriers(scene, striking=False)


def _all_couriers(scene: Scene, *, striking: bool) -> None:
    told = scene.strike(striking)
    scene.until(told.done, "all couriers to be told", COURIERS_SECONDS)
    told.result()


DEEDS: Mapping[str, Deed] = {
    "kill": kill,
    "pause": pause,
    "stop": stop,
    "restart": stop,
    "strike": strike,
    "failpoint": crashes.failpoint,
    "slot_dropped": capture.drop_slot,
    "slot_invalidated": capture.invalidate_slot,
    "connect_offsets_deleted": capture.forget_offsets,
    "offsets_rewound": positions.rewind,
    "offsets_deleted": positions.forget,
    "offsets_advanced": positions.advance,
    "provider": trouble.provider,
    "duplicates": records.repeat,
    "poison": records.poison,
}
