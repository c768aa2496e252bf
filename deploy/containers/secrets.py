"""The secrets as files, a folder for each process with what it needs; the folder above is its owner's alone."""

from pathlib import Path

from bootstrap.secrets import BOOTSTRAP, PERSON, POSTGRES, Values, secrets_of
from containers.observe import PROJECT, everything, volumes
from containers.system import System
from runtime import layout
from runtime.choose import remembered
from runtime.discovery import Process
from runtime.errors import Refusal
from runtime.system import DATABASE


def write(system: System) -> None:
    """Writes those that are missing or differ, and removes what is no longer needed.

    A running container sees its folder, so the folder stays the same.
    """
    system.secrets.mkdir(mode=0o700, exist_ok=True)
    for name, values in given(system).items():
        folder = system.secrets / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        for variable, value in values.items():
            _file(folder / variable, value)
        for path in set(folder.iterdir()) - {folder / variable for variable in values}:
            path.unlink()


def refuse_lost(system: System) -> None:
    """Raises Refusal when there is data whose passwords are no longer known: those of `system` are fresh.

    They lie in the files that the data was last started with; a system that was never started has none.
    """
    file = system.secrets / POSTGRES / "POSTGRES_PASSWORD"
    before = file.read_text() if file.exists() else ""
    fresh = before != system.keys.database["postgres"] if before else not remembered(system.layout.state)
    if not fresh or not (data := volumes(system)):
        return
    stop = f"docker rm --force $(docker ps -aq --filter label={PROJECT}={system.project}); "
    raise Refusal(
        f"There is data of an earlier system at {system.layout.state}, whose passwords were deleted. "
        f"Put that folder back as it was, or forget the data: {stop if everything(system) else ''}"
        f"docker volume rm {' '.join(data)}"
    )


def given(system: System) -> dict[str, dict[str, str]]:
    """Process → variable → value."""
    keys = system.keys
    admin = f"postgresql://postgres:{keys.database['postgres']}@postgres:5432/postgres"  # as the containers reach it
    values = Values(admin, keys.database, keys.jwt, keys.provider)
    known = secrets_of(system.layout.root / "services", values, DATABASE)
    own = {process.name: known[_holder(process)] for process in system.processes}
    return {POSTGRES: known[POSTGRES], BOOTSTRAP: known[BOOTSTRAP], **own}


def _holder(process: Process) -> str:
    """Whose secrets it has: its service's, and those of a person when it speaks as people."""
    return PERSON if "client" in process.needs else process.module


def _file(path: Path, value: str) -> None:
    """Readable by the user of a container, whatever its number; whole at every moment, for one that starts just now."""
    if not path.exists() or path.read_text() != value:
        layout.write(path, value, mode=0o644)
