"""What is common to looking at a system, whichever way it runs."""

from collections.abc import Iterable, Sequence

from runtime.discovery import Process

NOT_UP = "demae is not up: `make up` starts it."
# Width of the columns of `make status`.
HEAD = f"{'process':<16} {'state':<10} {'pid':>7} {'since':>8} {'memory':>8}"


def row(name: str, state: str, pid: int, seconds: int, megabytes: float, note: str) -> str:
    """One process as a person wants to see it."""
    return f"{name:<16} {state:<10} {pid or '':>7} {_age(seconds):>8} {megabytes:>5.0f} MB  {note}".rstrip()


def chosen(known: Iterable[str], processes: Iterable[Process], names: Sequence[str]) -> list[str]:
    """Those of `known` that the names mean, all without a name; a service means all of its processes."""
    meant = {*names, *(p.name for p in processes if p.service and p.module in names)}
    every = list(known)
    found = [name for name in every if not names or name in meant]
    if not found:
        raise SystemExit(f"There is no process {' or '.join(names)}: there are {', '.join(every)}.")
    return found


def single(processes: Sequence[Process], name: str) -> Process:
    """The one process that `make run S=name` means."""
    named = [p for p in processes if name and name in (p.name, p.module if p.service else p.name)]
    if len(named) != 1:
        names = ", ".join(p.name for p in (named or processes))
        raise SystemExit(f"make run S={name}: which one? There are {names}.")
    return named[0]


def _age(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}" if seconds else ""
