"""supervisord as the keeper of all processes: it restarts what dies, and holds every log."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from xmlrpc.client import Fault, ServerProxy

from local.layout import write
from local.parts import Part, table
from local.system import System

# What the processes inherit from the person who starts them; all else comes from the table.
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER")
HEAD = """\
[supervisord]
nodaemon = true
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
        address = f"http://demae:{system.keys.supervisor}@127.0.0.1:{system.ports.supervisor}/RPC2"
        self._rpc: Any = ServerProxy(address)

    def alive(self) -> bool:
        """Whether this system's supervisor answers (another's refuses the password)."""
        try:
            return bool(self._rpc.supervisor.getState()["statename"] == "RUNNING")
        except Exception:
            return False

    def states(self) -> dict[str, State]:
        """Every known process by name."""
        found = cast(list[dict[str, Any]], self._rpc.supervisor.getAllProcessInfo())
        return {p["name"]: State(p["statename"], p["pid"], p["start"]) for p in found}

    def start(self, name: str) -> bool:
        """Starts without waiting; False when it runs already."""
        return self._unless("ALREADY_STARTED", self._rpc.supervisor.startProcess, name, False)

    def stop(self, name: str, *, wait: bool = True) -> bool:
        """False when it does not run."""
        return self._unless("NOT_RUNNING", self._rpc.supervisor.stopProcess, name, wait)

    def signal(self, name: str, signal: str) -> None:
        self._rpc.supervisor.signalProcess(name, signal)

    def reload(self) -> list[str]:
        """Reads the configuration again; processes that changed are stopped; -> all that changed or came or went."""
        [[added, changed, removed]] = self._rpc.supervisor.reloadConfig()
        for name in [*changed, *removed]:
            self._rpc.supervisor.stopProcessGroup(name, True)
            self._rpc.supervisor.removeProcessGroup(name)
        for name in [*added, *changed]:
            self._rpc.supervisor.addProcessGroup(name)
        return sorted([*added, *changed, *removed])

    def shutdown(self) -> None:
        self._rpc.supervisor.shutdown()

    @staticmethod
    def _unless(fault: str, call: Any, *arguments: Any) -> bool:
        try:
            call(*arguments)
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


def launch(system: System, seconds: float = 15.0) -> None:
    """Starts the supervisor in a session of its own: Ctrl-C in the terminal does not reach it."""
    program = Path(sys.executable).with_name("supervisord")
    words = [sys.executable, str(program), "-c", str(system.layout.state / "supervisord.conf")]
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    output = system.layout.log("supervisord-output")
    with output.open("wb") as sink:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**environment, "DEMAE_MARK": system.mark},
            cwd=system.layout.root,
            start_new_session=True,
        )
    supervisor, deadline = Supervisor(system), time.monotonic() + seconds
    while not supervisor.alive():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The process supervisor did not start:\n{output.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _program(system: System, part: Part) -> str:
    environment: Mapping[str, str] = {**part.environment, "DEMAE_MARK": system.mark}
    return PROGRAM.format(
        name=part.name,
        command=_escaped(shlex.join(part.command)),
        directory=_escaped(str(system.layout.root)),
        environment=",".join(f"{name}={_quoted(value)}" for name, value in sorted(environment.items())),
        signal=part.stop_signal,
        # Postgres ends its own children in order; a signal to all of them at once would be a crash.
        group="false" if part.name == "postgres" else "true",
        log=_escaped(str(system.layout.log(part.name))),
    )


def _quoted(value: str) -> str:
    if "'" in value or "\n" in value:
        raise SystemExit(f"{value!r} cannot be given to a process: it has a quote or a new line in it")
    return f"'{_escaped(value)}'"


def _escaped(value: str) -> str:
    """% begins an expansion in supervisor's files."""
    return value.replace("%", "%%")
