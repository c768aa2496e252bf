"""The secrets as files, a folder for each process with what it needs; the folder above is its owner's alone."""

from collections.abc import Mapping
from pathlib import Path

from containers.system import System
from runtime.discovery import Process
from runtime.system import DATABASE


def write(system: System) -> None:
    """Writes those that are missing or differ: a running container sees its folder, so the folder stays the same."""
    system.secrets.mkdir(mode=0o700, exist_ok=True)
    for name, values in given(system).items():
        folder = system.secrets / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        for variable, value in values.items():
            _file(folder / variable, value)


def given(system: System) -> dict[str, dict[str, str]]:
    """Process → variable → value."""
    roles = {f"DB_PASSWORD_{r.upper()}": word for r, word in system.keys.database.items() if r != "postgres"}
    return {
        "postgres": {"POSTGRES_PASSWORD": system.keys.database["postgres"]},
        "bootstrap": {"ADMIN_DATABASE_URL": _url(system, "postgres", "postgres"), **roles},
        **{process.name: _of(system, process) for process in system.processes},
    }


def _of(system: System, process: Process) -> dict[str, str]:
    by_need: Mapping[str, dict[str, str]] = {
        "http": {"JWT_SECRET": system.keys.jwt},
        "client": {"JWT_SECRET": system.keys.jwt},
        "provider": {"PROVIDER_KEY": system.keys.provider},
        "connect": {"CDC_DATABASE_PASSWORD": system.keys.database["cdc"]},
    }
    own = {"DATABASE_URL": _url(system, process.module, DATABASE)} if process.service else {}
    for need in process.needs:
        own |= by_need[need]
    return own


def _url(system: System, role: str, database: str) -> str:
    """As the containers reach it."""
    return f"postgresql://{role}:{system.keys.database[role]}@postgres:5432/{database}"


def _file(path: Path, value: str) -> None:
    """Readable by the user of a container, whatever its number."""
    if not path.exists() or path.read_text() != value:
        path.write_text(value)
        path.chmod(0o644)
