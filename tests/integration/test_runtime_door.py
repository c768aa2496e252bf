"""A database behind a process: as with containers that publish no port."""

from urllib.parse import urlsplit

import psycopg

from runtime import reach
from tests.support.databases import TestServer


def test_door_carries_many_conversations(postgres: TestServer) -> None:
    """Each connection has a process of its own; none is left when the door is shut."""
    address = urlsplit(postgres.url())
    relay = reach.RELAY.replace("/postgres/5432", f"/{address.hostname}/{address.port}")
    with reach.door("bash", "-c", relay) as port:
        url = postgres.url().replace(f":{address.port}/", f":{port}/")
        with psycopg.connect(url) as one, psycopg.connect(url) as other:
            assert one.execute("SELECT repeat('x', 1000000)").fetchone() == ("x" * 1000000,)
            assert other.execute("SELECT 1").fetchone() == (1,)
