"""CPU time and resident memory of every process of the stack, from /proc (Linux)."""

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import psutil

TICKS = os.sysconf("SC_CLK_TCK")
PSS_FIELD = "Pss:"


@dataclass(frozen=True)
class Usage:
    """`cpu` in seconds since each began, `pss` in MiB, by the part's name."""

    cpu: Mapping[str, float]
    pss: Mapping[str, float]


def usage(roots: Mapping[str, int], memory: bool = True) -> Usage:
    """What the parts (name → process id) have used, each with its descendants that are no part themselves.

    A part that is gone counts nothing.
    """
    below = children()
    families = {name: family(pid, below, frozenset(roots.values())) for name, pid in roots.items()}
    cpu = {name: sum(map(cpu_seconds, pids)) for name, pids in families.items()}
    pss = {name: sum(map(pss_mib, pids)) for name, pids in families.items()} if memory else {}
    return Usage(cpu, pss)


def children() -> dict[int, list[int]]:
    """Every process on the machine, by its parent."""
    found: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"], []).append(process.pid)
    return found


def family(pid: int, below: Mapping[int, Sequence[int]], others: Set[int]) -> list[int]:
    """The process and everything below it, without the families of `others`."""
    young = [family(child, below, others) for child in below.get(pid, ()) if child not in others]
    return [pid, *(one for members in young for one in members)]


def cpu_seconds(pid: int) -> float:
    """User and system time, with that of children already reaped: a family's sum never jumps when a child ends."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    utime, stime, cutime, cstime = stat.rpartition(")")[2].split()[11:15]
    return (int(utime) + int(stime) + int(cutime) + int(cstime)) / TICKS


def pss_mib(pid: int) -> float:
    """Proportional resident memory: a shared page counts once over all that share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(PSS_FIELD)) / 1024


def machine_seconds() -> float:
    """CPU time of everything on the machine since it was started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def spent(before: Usage, after: Usage) -> dict[str, float]:
    """CPU seconds by part between two looks."""
    return {name: after.cpu[name] - before.cpu.get(name, 0.0) for name in after.cpu}
