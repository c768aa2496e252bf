"""The system's database, by the same functions as in every runtime."""

from bootstrap import database
from local.system import System
from runtime.system import DATABASE


def prepare(system: System) -> list[str]:
    """Makes the database, roles, schemas and tables that are missing; -> the migrations applied now."""
    return database.prepare(system.cluster.url(), DATABASE, system.layout.root / "services", system.keys.database)
