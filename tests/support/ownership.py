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
    for process in psutil.process_iter():
        try:
            run = process.environ().get(MARK)
        except (psutil.Error, OSError):
            continue
        if run is not None and not _alive(run):
            _kill(process)
    for path in Path(tempfile.gettempdir()).glob("demae-test-*"):
        found = _FOLDER.match(path.name)
        if found and not _alive(found[1]):
            shutil.rmtree(path, ignore_errors=True)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(5)
    except psutil.Error:
        return


def _alive(run: str) -> bool:
    try:
        return _name(psutil.Process(int(run.partition("-")[0]))) == run
    except psutil.Error:
        return False


def _name(process: psutil.Process) -> str:
    return f"{process.pid}-{round(process.create_time())}"
