"""Free TCP ports for servers of the tests."""

import socket


def free_port() -> int:
    """A port that nobody listens on now. Another process may take it before the caller does: start, and try again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
