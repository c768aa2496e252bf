"""Servers and folders of a test run carry its name, so that what a killed run leaves is swept by the next."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil

MARK = "DEMAE_TEST_RUN"
_FOLDER = re.compile(r"^demae-test-(\d+-\d+)-")


def name() -> str:
    """This run: its process id and when that process began (ids are used again)."""
    return _name(psutil.Process(os.getpid()))


def mark() -> dict[str, str]:
    """The environment for every process that a run starts."""
    return {MARK: name()}


def folder() -> Path:
    """A new temporary folder with this run's name in its own; other users may enter it."""
    made = Path(tempfile.mkdtemp(prefix=f"demae-test-{name()}-"))
    made.chmod(0o755)
    return made


def sweep() -> None:
    """Ends the processes and removes the folders of runs that are no more."""
    # A supervisor starts again what was killed before it: look until nothing is found.
    while orphans := [process for process in psutil.process_iter() if _orphan(process)]:
        for process in orphans:
            _kill(process)
    for path in Path(tempfile.gettempdir()).glob("demae-test-*"):
        found = _FOLDER.match(path.name)
        if found and not alive(found[1]):
            shutil.rmtree(path, ignore_errors=True)


def _orphan(process: psutil.Process) -> bool:
    try:
        variables = process.environ() if process.status() != psutil.STATUS_ZOMBIE else {}
    except (psutil.Error, OSError):
        return False
    # The processes of a whole system carry the path of its state folder, which lies in a folder of the run.
    found = _FOLDER.match(Path(variables.get("DEMAE_MARK", "/")).parent.name)
    run = variables.get(MARK) or (found[1] if found else None)
    return run is not None and not alive(run)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(5)
    except psutil.Error:
        return


def alive(run: str) -> bool:
    """Whether the process of that name still runs here."""
    try:
        return _name(psutil.Process(int(run.partition("-")[0]))) == run
    except psutil.Error:
        return False


def _name(process: psutil.Process) -> str:
    return f"{process.pid}-{round(process.create_time())}"
