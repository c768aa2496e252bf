"""`python -m restaurant`: the composition root. `python -m restaurant seed [FILE]` writes restaurants and menus."""

import argparse
from pathlib import Path

from pydantic_settings import BaseSettings

from chassis.consumer import Consumer, Timer
from chassis.database import Database
from chassis.kafka import KafkaLog, Log
from chassis.process import Process
from chassis.prune import prune
from chassis.settings import ServiceSettings, load
from restaurant import handlers, seed
from restaurant.events import ORDERS, READS

SEED_FILE = Path(__file__).parent / "seed.json"
PRUNE_SECONDS = 60.0


class SeedSettings(BaseSettings):
    """Seeding needs the database only: the menus' events go out by the outbox."""

    database_url: str


def build(database: Database, log: Log) -> Consumer:
    """The service around a database and a log, real ones or fakes."""
    return Consumer(
        name="restaurant",
        database=database,
        log=log,
        topics=[ORDERS],
        reads=READS,
        handle=handlers.handle,
        wants=handlers.wants,
        timers=[Timer(handlers.SCAN_SECONDS, handlers.finish_preparations), Timer(PRUNE_SECONDS, prune, poked=False)],
    )


def serve() -> None:
    """Run until SIGTERM."""
    settings = load(ServiceSettings)
    process = Process("restaurant", settings)
    database = Database(settings.database_url, "restaurant", size=2)
    process.run(build(database, KafkaLog(settings, group="restaurant")))
    database.close()


def plant(file: Path) -> None:
    """Write the seed file; says what changed."""
    database = Database(load(SeedSettings).database_url, "restaurant-seed", size=1)
    changed = seed.seed(database, seed.read(file))
    database.close()
    print(f"published the menus of: {', '.join(changed)}" if changed else "nothing to change")  # noqa: T201


def main() -> None:
    """Without a command: the service."""
    parser = argparse.ArgumentParser(prog="restaurant", description="Menus, stock, reservations and tickets.")
    commands = parser.add_subparsers(dest="command")
    planting = commands.add_parser("seed", help="write restaurants, menus and stock; a second time changes nothing")
    planting.add_argument("file", type=Path, nargs="?", default=SEED_FILE, help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.command == "seed":
        plant(arguments.file)
    else:
        serve()


if __name__ == "__main__":
    main()
