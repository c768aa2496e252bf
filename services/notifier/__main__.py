"""Composition root: `python -m notifier`."""

from graphql import build_schema

from chassis.database import AsyncDatabase
from chassis.feed import Feed
from chassis.process import Process
from chassis.settings import load
from notifier import presentation
from notifier.gateway import Bridge, Gateway, Server
from notifier.hub import Hub
from notifier.operations import Operations
from notifier.polling import Polls
from notifier.server import application, config
from notifier.settings import CONTRACTS, Settings
from notifier.socket import Endpoint
from notifier.store import VIEW, Journal
from notifier.tokens import verifier

TOPIC = "orders.journal"
POOL_SIZE = 4


def main() -> None:
    """Runs until SIGTERM."""
    settings = load(Settings)
    process = Process("notifier", settings)
    database = AsyncDatabase(settings.database_url, "notifier", POOL_SIZE)
    hub = Hub(Journal(database), presentation.load(CONTRACTS / "presentation.json", settings.allowances))
    bridge = Bridge(hub)
    verify = verifier(settings.jwt_secret)
    schema = build_schema((CONTRACTS / "schema.graphql").read_text("utf-8"))
    polls = Polls(hub, verify)
    app = application(Endpoint(hub, Operations(schema), verify), polls)
    server = Server(config(app, settings.http_host, settings.http_port), polls.drain)
    feed = Feed(settings, [TOPIC], bridge.on_records, bridge.on_reset)
    process.run(Gateway(server, hub, bridge, database), feed, views=[VIEW])


if __name__ == "__main__":
    main()
