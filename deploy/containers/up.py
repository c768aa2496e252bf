"""`make up` with containers: from nothing, or from anything, to a running system. Every step may be done again."""

import time
from collections.abc import Mapping

from containers import compose, images, secrets, upstream
from containers.observe import PROJECT, Container, containers, everything
from containers.start import start
from containers.system import System
from runtime import layout
from runtime.errors import PortTaken, Refusal
from runtime.exclusive import exclusive
from runtime.person import finish, introduce, say
from runtime.ports import refuse_taken
from runtime.system import refuse_unknown, seeds

MOVE = "Stop it, or move all ports of this system: DEMAE_PORT_OFFSET=100 make up"


def up(known: System, *, quiet_first_order: bool = False) -> None:
    """Brings the system up and says what it did. Raises what it cannot mend, with a message for a person."""
    refuse_unknown(known)
    begin = time.monotonic()
    changed = bring(known)
    finish(known, changed, time.monotonic() - begin, quiet=quiet_first_order)


@exclusive
def bring(known: System) -> list[str]:
    """Starts what does not run, and waits until all is ready; -> what was done, empty when nothing was."""
    _refuse_colon(known)
    compose.refuse_secret(known)
    known.engine.refuse_unfit()
    secrets.refuse_lost(known)
    before = containers(known)
    _refuse_ports(known)
    done = images.ensure(known.layout.root, say)
    upstream.ensure(known, say)
    _write(known)
    _make_way(known)
    done += start(known, before)
    # Remembered, not derived: an `up` that failed on the way leaves everything running, and nothing sown.
    if done or not layout.recall(known.layout.state).get("seeded"):
        sow(known, containers(known))
        layout.remember(known.layout.state, seeded=True)
        done.append("seed")
    return done


def _refuse_colon(known: System) -> None:
    if ":" in str(known.layout.state):
        raise Refusal(f"{known.layout.state} has a colon, which ends a path in a mount: set DEMAE_STATE to another")


def _refuse_ports(known: System) -> None:
    """Before anything starts. Where a part of this system runs, it holds its port itself."""
    ports = known.ports
    wanted = {"edge": ports.edge}
    if known.opened:
        wanted |= {"postgres": ports.postgres, "kafka": ports.kafka, "connect": ports.connect}
        wanted |= {"provider": ports.provider} if "provider" in known.names else {}
    own = known.engine.ask("ps", "--filter", f"label={PROJECT}={known.project}", "--format", "{{.Ports}}")
    strange = {who: port for who, port in wanted.items() if f"127.0.0.1:{port}->" not in own}
    for who, port in strange.items():
        other = known.engine.ask("ps", "--filter", f"publish={port}", "--format", "{{.Names}}").split()
        if other:
            raise PortTaken(f"Port {port} ({who}) is taken by the container {other[0]}.\n{MOVE}")
    refuse_taken(strange, known.project)


def _write(known: System) -> None:
    secrets.write(known)
    introduce(known)
    compose.write_variables(known)


def _make_way(known: System) -> None:
    """Stops what a person wants to run elsewhere, and what `make run` left in the foreground; wakes what is frozen."""
    for name in known.left_out():
        say(f"{name:<16} is left to you: make run S={name}")
    there = everything(known)
    away = [one.id for one in there if one.running and (one.once or one.name in known.left_out())]
    frozen = [one.id for one in there if one.status == "paused"]
    for word, chosen in (("unpause", frozen), ("stop", away)):
        if chosen:
            known.engine.ask(word, *chosen)


def sow(known: System, there: Mapping[str, Container]) -> None:
    """Runs every service's seed, in its container. Raises Refusal with what it said when one fails."""
    for name, process in seeds(known).items():
        if process.name not in there or not there[process.name].running:
            continue
        said = known.engine.attempt("exec", there[process.name].id, "python", "/app", "seed")
        if said.code != 0:
            raise Refusal(f"The seed of {name} failed:\n{(said.out + said.err)[-2000:]}")
        say(f"seeded {name}")
