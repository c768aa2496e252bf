"""Free TCP ports for servers of the tests."""

import socket
import time
from collections.abc import Iterator

# Offsets of whole systems, below the ports that the kernel gives to outgoing connections; 8000 and 9000 themselves
# stay free for `make up`.
OFFSETS = range(200, 19_000, 100)
WIDTH = 100


def free_port() -> int:
    """A port that nobody listens on now. Another process may take it before the caller does: start, and try again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_offsets() -> Iterator[int]:
    """Offsets at which every port of a system is free now."""
    # Runs that begin together look at different ranges first.
    first = int(time.time() * 1000) % len(OFFSETS)
    for step in range(len(OFFSETS)):
        offset = OFFSETS[(first + step) % len(OFFSETS)]
        if all(free(base + offset + n) for base in (8000, 9000) for n in range(WIDTH)):
            yield offset


def free(port: int) -> bool:
    """Whether nobody listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
