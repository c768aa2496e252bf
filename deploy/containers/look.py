"""`make status`, `make logs`, `make psql` with containers: looking at a system, and into it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import assemble
from containers import compose
from containers.observe import Container, containers, everything
from containers.probe import why_not
from containers.system import System
from runtime.discovery import Process
from runtime.look import HEAD, NOT_UP, chosen, row, single
from runtime.system import DATABASE

UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def status(known: System) -> int:
    """Prints one line for each process; -> the exit code: 0 when all are ready."""
    found = containers(known)
    if not any(one.running for one in found.values()):
        print(NOT_UP)
        return 3
    with ThreadPoolExecutor() as pool:
        weighing = pool.submit(_memory, known, [one.id for one in found.values() if one.running])
        notes = why_not(known, found, [name for name in known.names if name in found])
        memory = weighing.result()
    print(HEAD)
    for name in known.names:
        print(_line(name, found.get(name), notes.get(name), memory))
    print(row("in all", "", 0, 0, sum(memory.values()), ""))
    # What a person has stopped is as it should be.
    wanted = [name for name in known.wanted() if name not in found or found[name].status != "exited"]
    return 1 if any(name not in found or notes[name] for name in wanted) else 0


def _line(name: str, one: Container | None, why: str | None, memory: Mapping[str, float]) -> str:
    if one is None or one.status in ("created", "exited"):
        failed = one is not None and one.code not in (0, 143) and one.since > 0
        return row(name, "stopped", 0, 0, 0.0, f"ended with code {one.code}" if one and failed else "")
    return row(name, one.status, one.pid, int(time.time() - one.since), memory.get(one.id, 0.0), why or "ready")


def _memory(known: System, ids: Sequence[str]) -> dict[str, float]:
    """Container → MB, as the engine counts: without what the kernel could give back at once."""
    said = known.engine.attempt("stats", "--no-stream", "--no-trunc", "--format", "{{json .}}", *ids)
    rows = [json.loads(line) for line in said.out.splitlines() if line.startswith("{")]
    return {row["ID"]: _megabytes(row["MemUsage"].partition("/")[0]) for row in rows}


def _megabytes(text: str) -> float:
    found = re.match(r"([\d.]+)\s*([A-Za-z]+)", text.strip())
    return float(found[1]) * UNITS.get(found[2], 0) / 2**20 if found else 0.0


def logs(known: System, names: Sequence[str]) -> NoReturn:
    """Follows the logs, of all or of some; becomes `docker compose logs`."""
    found = containers(known)
    there = [name for name in chosen(known.names, known.processes, names) if name in found]
    if not there:
        raise SystemExit(NOT_UP)
    if not any(one.running for one in found.values()):
        print("demae is not up: these are the last lines of its logs.", flush=True)
    _become(known, *compose.command(known, "logs", "--follow", "--tail", "20" if len(there) > 1 else "200", *there))


def psql(known: System, role: str, arguments: Sequence[str]) -> NoReturn:
    """Becomes psql in Postgres's container: the superuser's, or of one role with that role's rights."""
    if role not in known.keys.database:
        raise SystemExit(f"There is no role {role}: there are {', '.join(known.keys.database)}.")
    one = containers(known).get("postgres")
    if one is None or not one.running:
        raise SystemExit(NOT_UP)
    terminal = ["--interactive", *(["--tty"] if sys.stdin.isatty() else [])]
    # Over the network: there the server asks for the password.
    words = ["psql", "-h", "postgres", "-U", role, "-d", DATABASE, *arguments]
    os.environ["PGPASSWORD"] = known.keys.database[role]
    _become(known, "exec", *terminal, "--env", "PGPASSWORD", one.id, *words)


def _become(known: System, *words: str) -> NoReturn:
    os.execvpe("docker", ["docker", *words], {**os.environ, **compose.environment(known)})


def run(known: System, name: str) -> None:
    """Puts one process into the foreground: a container like its own, with this tree's code in place of the image's."""
    process = single(known.processes, name)
    found = containers(known)
    if not any(one.running for one in found.values()):
        raise SystemExit(f"demae is not up: `make up WITHOUT={name}` first.")
    if any(one.once and one.running and one.name == process.name for one in everything(known)):
        raise SystemExit(f"{process.name} is in the foreground already, in another terminal.")
    if process.name in found:
        known.engine.ask("stop", found[process.name].id)
    print(f"{process.name} in the foreground. Ctrl-C ends it; `make up` gives it back.", flush=True)
    hand = f"{known.project}-{process.name}-run"
    terminal = [] if sys.stdin.isatty() else ["--no-TTY"]
    words = ["run", "--rm", "--no-deps", "--use-aliases", "--name", hand, *terminal, *_source(known, process)]
    try:
        command = ["docker", *compose.command(known, "--profile", "*", *words, process.name)]
        code = subprocess.run(command, env=compose.environment(known), check=False).returncode
    except KeyboardInterrupt:
        code = 130
    finally:
        # On a terminal Ctrl-C reaches the process itself; else it ends compose, and the container would run on.
        known.engine.attempt("stop", hand)
        known.engine.attempt("rm", hand)
    raise SystemExit(code)


def _source(known: System, process: Process) -> list[str]:
    """Its part of the tree over what the image has, read-only; read as the person who may read the tree.

    A program with data stays the user whose data it is: the tree must be readable by others then.
    """
    root = known.layout.root
    parts = assemble.parts(root, root / process.folder)
    mounts = [word for part in parts for word in ("--volume", f"{part}:/app/{part.relative_to(root)}:ro")]
    person = [] if assemble.data(root / process.folder) else ["--user", f"{os.getuid()}:{os.getgid()}"]
    return [*person, *mounts]
