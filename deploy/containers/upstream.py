"""The images that are not ours: Postgres, the broker, Connect. Fetched once, before anything starts."""

import json
from collections.abc import Callable

from containers import compose
from containers.engine import EngineError
from containers.system import System


def ensure(known: System, say: Callable[[str], None]) -> None:
    """Fetches those that are missing. Raises EngineError with what to do where no registry has them."""
    for name in wanted(known):
        if known.engine.attempt("image", "inspect", "--format", "{{.Id}}", name).code == 0:
            continue
        say(f"fetching the image {name} (once)")
        said = known.engine.attempt("pull", "--quiet", name)
        if said.code != 0:
            raise EngineError(
                f"The image {name} is not here and cannot be fetched ({said.last}).\n"
                "Without an image registry: make images OFFLINE=1. Under another name: see deploy/compose.yaml."
            )


def wanted(known: System) -> list[str]:
    """Their names, with what a person or `make images` set."""
    services = json.loads(compose.ask(known, "config", "--format", "json"))["services"]
    return sorted({service["image"] for service in services.values() if "build" not in service})
