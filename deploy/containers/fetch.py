"""The images of others: fetched once, before anything needs them."""

from collections.abc import Callable, Iterable

from containers.engine import Engine, EngineError


class FetchError(EngineError):
    """An image is not here, and cannot be had; the message says what to do."""


def fetch(engine: Engine, names: Iterable[str], say: Callable[[str], None]) -> None:
    """Pulls those that are not here. Raises FetchError at the first that cannot be had."""
    for name in names:
        if engine.attempt("image", "inspect", "--format", "{{.Id}}", name).code == 0:
            continue
        say(f"fetching the image {name} (once)")
        said = engine.attempt("pull", "--quiet", name)
        if said.code != 0:
            raise FetchError(
                f"The image {name} is not here and cannot be fetched ({said.last}).\n"
                "Without an image registry: make images OFFLINE=1. Under another name: see deploy/containers/README.md."
            )
