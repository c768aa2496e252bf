"""`make status`, `make logs`, `make psql`, `make run`: looking at a system, and into it."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from local import postgres, ready
from local.parts import Part, table
from local.supervise import State, Supervisor, supervisor_process
from local.system import System
from runtime.look import HEAD, NOT_UP, chosen, row
from runtime.system import DATABASE

STOPPED = State("STOPPED", 0, 0)


@dataclass(frozen=True)
class Line:
    """One process as a person wants to see it; `megabytes` is its share of memory (PSS), with its children."""

    name: str
    word: str
    pid: int
    seconds: int
    megabytes: float
    note: str


def status(system: System) -> int:
    """Prints one line for each process; -> the exit code: 0 when all are ready."""
    supervisor = Supervisor(system)
    if not supervisor.alive():
        print(NOT_UP)
        return 3
    lines = [_line(part, supervisor.states().get(part.name, STOPPED)) for part in table(system)]
    print(HEAD)
    for line in lines:
        print(row(line.name, line.word.lower(), line.pid, line.seconds, line.megabytes, line.note))
    keeper = supervisor_process(system)
    # The supervisor is everybody's parent: its own share and its children's are the whole system's.
    print(row("in all", "", 0, 0, _memory(keeper.pid) if keeper else 0.0, ""))
    return 0 if all(line.note == "ready" for line in lines if line.word != "STOPPED") else 1


def _line(part: Part, state: State) -> Line:
    if not state.pid:
        return Line(part.name, state.word, 0, 0, 0.0, "" if state.word == "STOPPED" else "see its log")
    seconds = int(time.time()) - state.since
    return Line(part.name, state.word, state.pid, seconds, _memory(state.pid), ready.why_not(part.ready) or "ready")


def _memory(pid: int) -> float:
    """PSS where the system tells it (Linux), else resident memory; in MB."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(getattr(p.memory_full_info(), "pss", p.memory_info().rss) for p in family) / 2**20
    except psutil.Error:
        return 0.0


def logs(system: System, names: Sequence[str]) -> None:
    """Follows the logs, of all or of some; becomes `tail`."""
    wanted = chosen([part.name for part in table(system)], system.processes, names)
    files = [str(path) for path in map(system.layout.log, wanted) if path.exists()]
    if not files:
        raise SystemExit(NOT_UP)
    if not Supervisor(system).alive():
        print("demae is not up: these are the last lines of its logs.", flush=True)
    os.execvp("tail", ["tail", "-n", "20" if len(files) > 1 else "200", "-F", *files])


def psql(system: System, role: str, arguments: Sequence[str]) -> None:
    """Becomes psql: the superuser's, or of one role with that role's rights."""
    if role not in system.keys.database:
        raise SystemExit(f"There is no role {role}: there are {', '.join(system.keys.database)}.")
    if not Supervisor(system).alive():
        raise SystemExit(NOT_UP)
    cluster = system.cluster
    words = ["psql", "-h", "127.0.0.1", "-p", str(cluster.port), "-U", role, "-d", DATABASE, *arguments]
    program = str(postgres.binaries() / "psql")
    os.execve(program, words, {**os.environ, "PGPASSWORD": system.keys.database[role]})


def run(system: System, name: str) -> None:
    """Puts one process into the foreground, with the environment it has under the supervisor; becomes it."""
    known = {part.name: part for part in table(system)}
    named = [part for part in known.values() if name and name in (part.service, part.name)]
    if len(named) != 1:
        names = ", ".join(part.name for part in (named or known.values()))
        raise SystemExit(f"make run S={name}: which one? There are {names}.")
    part = named[0]
    supervisor = Supervisor(system)
    if not supervisor.alive():
        raise SystemExit(f"demae is not up: `make up WITHOUT={name}` first.")
    supervisor.stop(part.name)
    print(f"{part.name} in the foreground (pid {os.getpid()}). `make up` gives it back to the supervisor.", flush=True)
    os.chdir(part.directory or system.layout.root)
    os.execve(part.command[0], part.command, {**os.environ, **part.environment, "DEMAE_MARK": system.mark})
    sys.exit(1)
