"""Deaths at the named places of the code where a crash matters: chassis.failpoints. Test builds only."""

from pathlib import Path
from random import Random

from chaos.faults import Fault
from chaos.scene import Scene


def failpoint(scene: Scene, fault: Fault, _dice: Random) -> None:
    """The next pass of the process by that place is its last; returns when it is dead."""
    folder = Path(scene.stack.environment(fault.part)["FAILPOINTS"])
    armed = folder / f"{fault.detail}@{fault.part}"
    armed.touch()
    try:
        scene.until(lambda: list(folder.glob(f"{armed.name}.fired.*")), f"{fault.part} to pass {fault.detail}")
    finally:
        armed.unlink(missing_ok=True)
        for fired in folder.glob(f"{armed.name}.fired.*"):
            fired.unlink()
