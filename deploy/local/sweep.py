"""Ends everything of one system, also what its supervisor has lost: by the mark in each process's environment."""

import os
import signal
import time

import psutil

GRACE_SECONDS = 5.0


def find(mark: str) -> list[psutil.Process]:
    """Every process with this mark, except the one that asks and its ancestors (`make run`, a shell with the mark)."""
    asking = psutil.Process(os.getpid())
    spared = {asking.pid, *(parent.pid for parent in asking.parents())}
    return [p for p in psutil.process_iter() if p.pid not in spared and _mark(p) == mark]


def sweep(mark: str) -> list[str]:
    """Asks them to end, then kills what is left; -> their names. Loops, for a process may start one while it ends."""
    swept: list[str] = []
    deadline = time.monotonic() + GRACE_SECONDS
    while left := find(mark):
        patient = time.monotonic() < deadline
        for process in left:
            swept.append(_end(process, kill=not patient))
        psutil.wait_procs(left, timeout=1.0)
    return sorted(set(swept))


def _end(process: psutil.Process, *, kill: bool) -> str:
    try:
        name = str(process.name())
        # SIGTERM would let Postgres wait for its clients.
        gentle = signal.SIGINT if name == "postgres" else signal.SIGTERM
        process.send_signal(signal.SIGKILL if kill else gentle)
    except psutil.Error:
        return "a process that ended by itself"
    return name


def _mark(process: psutil.Process) -> str | None:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        mark: str | None = process.environ().get("DEMAE_MARK")
    except (psutil.Error, OSError):
        return None
    return mark
