"""A port that is taken."""

import os
import socket

import pytest

from runtime import ports
from runtime.errors import PortTaken


def test_taken_port_names_its_holder() -> None:
    """The message has the port, what it is for, who holds it, and the setting that moves everything."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            ports.refuse_taken({"edge": port}, "/somewhere")
    for word in (str(port), "edge", f"pid {os.getpid()}", "DEMAE_PORT_OFFSET"):
        assert word in str(refused.value)


def test_free_ports_are_not_refused() -> None:
    """Nobody listens on port 1."""
    ports.refuse_taken({"edge": 1}, "/somewhere")
