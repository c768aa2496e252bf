"""`make down` and `make clean` with containers."""

from containers import compose
from containers.observe import everything
from containers.system import System
from runtime import layout
from runtime.exclusive import exclusive


@exclusive
def down(known: System) -> None:
    """Stops everything, those who use a thing before the thing, and keeps the data in its volumes."""
    _down(known)
    print(f"demae is down; its data is kept in the volumes {known.project}_*.")


@exclusive
def clean(known: System) -> None:
    """Stops everything and forgets the data: volumes, network, secrets and settings. Images stay."""
    _down(known, "--volumes")
    layout.forget(known.layout)
    print("demae is down. Its data is forgotten.")


def _down(known: System, *more: str) -> None:
    if once := [one.id for one in everything(known) if one.once]:
        known.engine.ask("rm", "--force", *once)
    # Every profile: also what a person started on demand.
    compose.ask(known, "--profile", "*", "down", "--remove-orphans", *more)
