"""The images that are not ours: Postgres, the broker, Connect. Fetched once, before anything starts."""

import json
from collections.abc import Callable

from containers import compose
from containers.fetch import fetch
from containers.system import System


def ensure(known: System, say: Callable[[str], None]) -> None:
    """Fetches those that are missing. Raises FetchError with what to do where no registry has them."""
    fetch(known.engine, wanted(known), say)


def wanted(known: System) -> list[str]:
    """Their names, with what a person or `make images` set."""
    services = json.loads(compose.ask(known, "config", "--format", "json"))["services"]
    return sorted({service["image"] for service in services.values() if "build" not in service})
