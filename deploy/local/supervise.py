"""supervisord as the keeper of all processes: it restarts what dies, and holds every log."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

import psutil

from local.parts import Part, table
from local.system import System
from runtime.errors import Refusal
from runtime.layout import write

# What the processes inherit from the person who starts them; all else comes from the table.
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER")
STOP_SECONDS = 30.0  # twice stopwaitsecs: then supervisor has killed it
HEAD = """\
[supervisord]
logfile = {log}
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = {pidfile}
childlogdir = {logs}
{user}
[inet_http_server]
port = 127.0.0.1:{port}
username = demae
password = {password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:{name}]
command = {command}
directory = {directory}
environment = {environment}
autostart = false
autorestart = true
; A start counts when it lasts: what cannot start is tried again, later each time, and never given up.
startsecs = 2
startretries = 1000
stopsignal = {signal}
stopwaitsecs = 15
stopasgroup = {group}
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 1
"""


@dataclass(frozen=True)
class State:
    """A process as the supervisor sees it: `word` is RUNNING, STARTING, BACKOFF, STOPPED, …; `pid` is 0 without one."""

    word: str
    pid: int
    since: int

    @property
    def running(self) -> bool:
        return self.word in ("RUNNING", "STARTING")


class Supervisor:
    """The control socket. Every method raises OSError when no supervisor answers."""

    def __init__(self, system: System) -> None:
        self._address = f"http://demae:{system.keys.supervisor}@127.0.0.1:{system.ports.supervisor}/RPC2"

    def alive(self) -> bool:
        """Whether this system's supervisor answers (another's refuses the password)."""
        try:
            said = self._ask("getState")
        except (OSError, ProtocolError, HTTPException):
            return False
        return bool(said["statename"] == "RUNNING")

    def states(self) -> dict[str, State]:
        """Every known process by name."""
        found: list[dict[str, Any]] = self._ask("getAllProcessInfo")
        return {p["name"]: State(p["statename"], p["pid"], p["start"]) for p in found}

    def start(self, name: str) -> bool:
        """Starts without waiting; False when it runs already."""
        return self._unless("ALREADY_STARTED", "startProcess", name, False)

    def stop(self, name: str, *, wait: bool = True) -> bool:
        """False when it does not run."""
        return self._unless("NOT_RUNNING", "stopProcess", name, wait)

    def reload(self) -> list[str]:
        """Reads the configuration again; processes that changed are stopped; -> all that changed or came or went."""
        [[added, changed, removed]] = self._ask("reloadConfig")
        self.stop_all({*changed, *removed})
        for name in [*changed, *removed]:
            self._ask("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._ask("addProcessGroup", name)
        return sorted([*added, *changed, *removed])

    def stop_all(self, names: set[str]) -> None:
        """Stops these at the same time, and returns when they are gone."""
        for name in names & self.states().keys():
            self.stop(name, wait=False)
        deadline = time.monotonic() + STOP_SECONDS
        while any(state.pid for name, state in self.states().items() if name in names):
            if time.monotonic() > deadline:
                raise Refusal(f"not stopped after {STOP_SECONDS:.0f} s: one of {', '.join(sorted(names))}")
            time.sleep(0.05)

    def shutdown(self) -> None:
        self._ask("shutdown")

    def _ask(self, method: str, *arguments: Any) -> Any:
        with ServerProxy(self._address) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _unless(self, fault: str, method: str, *arguments: Any) -> bool:
        try:
            self._ask(method, *arguments)
        except Fault as refused:
            if fault in refused.faultString:
                return False
            raise
        return True


def configure(system: System) -> bool:
    """Writes supervisord.conf; False when it said the same already."""
    layout = system.layout
    head = HEAD.format(
        log=_escaped(str(layout.log("supervisor"))),
        pidfile=_escaped(str(pidfile(system))),
        logs=_escaped(str(layout.logs)),
        user="user = root\n" if os.geteuid() == 0 else "",
        port=system.ports.supervisor,
        password=_escaped(system.keys.supervisor),
    )
    text = head + "".join(_program(system, part) for part in table(system))
    path = layout.state / "supervisord.conf"
    if path.exists() and path.read_text() == text:
        return False
    write(path, text)
    return True


def pidfile(system: System) -> Path:
    return system.layout.state / "supervisord.pid"


def supervisor_process(system: System) -> psutil.Process | None:
    """The supervisor's own process, when it runs."""
    try:
        process = psutil.Process(int(pidfile(system).read_text()))
        return process if process.environ().get("DEMAE_MARK") == system.mark else None
    except (OSError, ValueError, psutil.Error):
        return None


def launch(system: System, seconds: float = 15.0) -> None:
    """Starts the supervisor, which leaves for a session of its own: Ctrl-C in the terminal does not reach it."""
    program = Path(sys.executable).with_name("supervisord")
    words = [sys.executable, str(program), "-c", str(system.layout.state / "supervisord.conf")]
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment["DEMAE_MARK"] = system.mark
    output = system.layout.log("supervisord-output")
    with output.open("wb") as sink:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment, check=False)
    supervisor, deadline = Supervisor(system), time.monotonic() + seconds
    while done.returncode != 0 or not supervisor.alive():
        if done.returncode != 0 or time.monotonic() > deadline:
            raise Refusal(f"The process supervisor did not start:\n{output.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _program(system: System, part: Part) -> str:
    environment: Mapping[str, str] = {**part.environment, "DEMAE_MARK": system.mark}
    return PROGRAM.format(
        name=part.name,
        command=_escaped(shlex.join(part.command)),
        directory=_escaped(str(part.directory or system.layout.root)),
        environment=",".join(f"{name}={quoted(value)}" for name, value in sorted(environment.items())),
        signal=part.stop_signal,
        # Postgres ends its own children in order; a signal to all of them at once would be a crash.
        group="false" if part.name == "postgres" else "true",
        log=_escaped(str(system.layout.log(part.name))),
    )


def quoted(value: str) -> str:
    if "'" in value or "\n" in value:
        raise SystemExit(f"{value!r} cannot be given to a process: it has a quote or a new line in it")
    return f"'{_escaped(value)}'"


def _escaped(value: str) -> str:
    """% begins an expansion in supervisor's files."""
    return value.replace("%", "%%")
