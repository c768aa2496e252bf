"""The system's database for a program of this machine, whichever way the system runs.

DATABASE_URL of the environment wins (a cluster's, any other). Else it is the system that DEMAE_STATE names, or that of
this checkout: the port of the local server, the published one of the container, or, where nothing is published, a door
of our own to it, open as long as the block lasts.
"""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from runtime import layout
from runtime.choose import COMPOSE, remembered
from runtime.errors import NotUpError, Refusal
from runtime.system import DATABASE

NOT_UP = "demae is not up: `make up` starts it. (DATABASE_URL names a database elsewhere.)"
# Both directions through one `docker exec`; the first that ends takes the other with it.
RELAY = "exec 3<>/dev/tcp/postgres/5432 4<&0; cat <&4 >&3 & cat <&3 & wait -n; kill $(jobs -p)"


@contextmanager
def database(role: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The database's URL with the rights of `role`; DATABASE_URL brings its own role. Raises Refusal."""
    values = os.environ if environment is None else environment
    where = layout.from_environment(values)
    if given := values.get("DATABASE_URL"):
        yield given
    elif remembered(where.state) == COMPOSE:
        with _in_container(where, role) as url:
            yield url
    else:
        yield _local(where, role)


def _local(where: layout.Layout, role: str) -> str:
    # Each runtime is imported when it is the one.
    from local import system  # noqa: PLC0415
    from local.supervise import Supervisor  # noqa: PLC0415

    if not remembered(where.state):
        raise NotUpError(NOT_UP)
    known = system.load(where)
    _refuse_strange(role, known.keys.database)
    if not Supervisor(known).alive():
        raise NotUpError(NOT_UP)
    return known.database_url(role)


@contextmanager
def _in_container(where: layout.Layout, role: str) -> Iterator[str]:
    from containers import system  # noqa: PLC0415
    from containers.observe import containers  # noqa: PLC0415

    known = system.load(where)
    _refuse_strange(role, known.keys.database)
    one = containers(known).get("postgres")
    if one is None or not one.running:
        raise NotUpError(NOT_UP)
    if known.opened:
        yield known.database_url(role)
    else:
        with door("docker", "exec", "--interactive", one.id, "bash", "-c", RELAY) as port:
            yield f"postgresql://{role}:{known.keys.database[role]}@127.0.0.1:{port}/{DATABASE}"


def _refuse_strange(role: str, passwords: Mapping[str, str]) -> None:
    if role not in passwords:
        raise Refusal(f"There is no role {role}: there are {', '.join(passwords)}.")


@contextmanager
def door(*command: str, port: int = 0) -> Iterator[int]:
    """A port of 127.0.0.1, a free one for 0: who connects speaks to a new process of `command`, by input and output."""
    relays: list[subprocess.Popen[bytes]] = []
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            with suppress(OSError):  # the end of the block
                while True:
                    caller, _ = server.accept()
                    with caller:
                        end = caller.fileno()
                        relays.append(subprocess.Popen(command, stdin=end, stdout=end, stderr=subprocess.DEVNULL))

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):  # macOS: a socket that only listens is not connected
                server.shutdown(socket.SHUT_RDWR)
            for relay in relays:
                relay.kill()
                relay.wait()
