"""Composition root: `python -m notifier`."""

from pathlib import Path

from graphql import build_schema

from chassis.database import AsyncDatabase
from chassis.feed import Feed
from chassis.process import Process
from chassis.settings import ServiceSettings, load
from notifier.gateway import Bridge, Gateway
from notifier.hub import Hub
from notifier.operations import Operations
from notifier.server import config
from notifier.socket import Endpoint
from notifier.store import VIEW, Journal
from notifier.tokens import verifier

SCHEMA = Path(__file__).resolve().parents[2] / "contracts" / "schema.graphql"
TOPIC = "orders.journal"
POOL_SIZE = 4


class Settings(ServiceSettings):
    """The environment of notifier, beside every service's."""

    http_host: str = "0.0.0.0"  # noqa: S104 - behind the edge, on the network of its own
    http_port: int
    jwt_secret: str


def main() -> None:
    """Runs until SIGTERM."""
    settings = load(Settings)
    process = Process("notifier", settings)
    database = AsyncDatabase(settings.database_url, "notifier", POOL_SIZE)
    hub = Hub(Journal(database))
    bridge = Bridge(hub)
    endpoint = Endpoint(hub, Operations(build_schema(SCHEMA.read_text())), verifier(settings.jwt_secret))
    gateway = Gateway(config(endpoint, settings.http_host, settings.http_port), hub, bridge, database)
    process.run(gateway, Feed(settings, [TOPIC], bridge.on_records, bridge.on_reset), views=[VIEW])


if __name__ == "__main__":
    main()
