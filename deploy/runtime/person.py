"""What a person sees of `make up`: lines of progress, the first order, and what to try next."""

import os
import subprocess
import sys

from runtime.errors import Refusal
from runtime.layout import write
from runtime.system import System


def say(line: str) -> None:
    """One line of progress."""
    print(f"  {line}", flush=True)


def person(system: System) -> dict[str, str]:
    """What a client of this system needs to know; `./demae` reads it from the state folder."""
    return {"DEMAE_URL": system.url, "JWT_SECRET": system.keys.jwt, "DEMAE_STATE": str(system.layout.state)}


def introduce(system: System) -> None:
    """Writes what `./demae` reads."""
    write(system.layout.state / "person", "".join(f"{name}={value}\n" for name, value in person(system).items()))


def finish(system: System, changed: list[str], seconds: float, *, quiet: bool) -> None:
    """The end of `make up`: the first order, unless nothing was `changed`, or `quiet`; then what to try next."""
    if not changed:
        print("Everything is up already; nothing was changed.")
    elif not system.without and not quiet:
        first_order(system)
    farewell(system, seconds)


def first_order(system: System) -> None:
    """One order from placed to delivered, live. Raises Refusal when it is not delivered."""
    print("\nThe first order:", flush=True)
    path = {"PYTHONPATH": system.layout.python_path}
    environment = {**os.environ, **path, **person(system)}
    done = subprocess.run([sys.executable, "-m", "cli", "first-order"], env=environment, check=False)
    if done.returncode != 0:
        raise Refusal("The system is up, but its first order was not delivered. `./demae doctor` says more.")


def farewell(system: System, seconds: float) -> None:
    """Addresses, and three things to try."""
    if system.without:
        print(f"The rest is up ({seconds:.0f} s). Yours: {', '.join(f'make run S={name}' for name in system.without)}")
        return
    print(
        f"""
demae is up ({seconds:.0f} s).
  GraphQL     {system.url}/graphql   (subscriptions on the same address)
  GraphiQL    {system.url}/graphiql
  One order   {system.url}/   (./demae page ORDER prints its address)

Three things to try:
  ./demae place sobaya --watch  order something yourself, and watch it; then be its courier
  ./demae stop payment          order, watch it wait, ./demae start payment: nothing is lost
  make psql                     SELECT version, type FROM api.journal ORDER BY seq DESC LIMIT 20;

`make` lists the rest; `make down` stops everything and keeps the data."""
    )
