"""`make up`: from nothing, or from anything, to a running system. Every step may be done again."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from local import configuration, database, fetch, postgres, ready, seed, topics
from local.parts import SERVICE, Part, left_out, table
from local.supervise import Supervisor, configure, launch
from local.sweep import sweep
from local.system import System, remember
from runtime import layout, person, sources
from runtime.errors import Refusal
from runtime.exclusive import exclusive
from runtime.person import say
from runtime.ports import refuse_taken
from runtime.system import refuse_unknown

# What fails is noticed at once (see ready.py): this bounds what only takes long, on a machine with other work.
READY_SECONDS = 180.0


def up(system: System, *, quiet_first_order: bool = False) -> None:
    """Brings the system up and says what it did. Raises what it cannot mend, with a message for a person."""
    refuse_unknown(system)
    begin = time.monotonic()
    changed = bring(system)
    person.finish(system, changed, time.monotonic() - begin, quiet=quiet_first_order)


@exclusive
def bring(system: System) -> list[str]:
    """Starts what does not run, and waits until all is ready; -> what was done, empty when nothing was."""
    sources.forget()
    done = ["fetched"] if _fetch(system) else []
    done += _supervise(system)
    done += _prepare_data(system)
    done += _leave_out(system)
    parts = {part.name: part for part in table(system) if part.autostart and not left_out(system, part)}
    services = [name for name, part in parts.items() if part.stage == SERVICE]
    # Connect takes longest: it starts with the broker, and waits for it by itself.
    started = _start(system, [name for name in parts if name not in services])
    _wait(system, [parts["postgres"], parts["edge"]], started)
    done += _say_all("migrated", database.prepare(system))
    _wait(system, [parts["kafka"]], started)
    done += _say_all("topic", topics.create(system.kafka, topics.wanted(system.layout.root)))
    started += _start(system, services)
    _wait(system, [parts["connect"], *(parts[name] for name in services)], started)
    done += started
    # Remembered, not derived: an `up` that failed on the way leaves everything running, and nothing sown.
    if done or not layout.recall(system.layout.state).get("seeded"):
        seed.sow(system, say)
        layout.remember(system.layout.state, seeded=True)
        done.append("seed")
    return done


def _fetch(system: System) -> bool:
    if fetch.where(system.layout).jars.exists():
        return False
    say("fetching the broker, Connect and Debezium (60 MB, once)")
    return fetch.fetch(system.layout)


def _supervise(system: System) -> list[str]:
    """A supervisor that runs with the configuration as it must be now. What was is kept until the ports are ours."""
    alive = Supervisor(system).alive()
    if not alive:
        refuse_moved(system)
        _say_all("swept, of a supervisor that was killed:", sweep(system.mark))
        listening = {who: port for part in table(system) for who, port in part.listens.items()}
        refuse_taken({**listening, "process supervisor": system.ports.supervisor}, system.mark)
    remember(system)
    person.introduce(system)
    configuration.render(system)
    supervisor, rewritten = Supervisor(system), configure(system)
    if not alive:
        launch(system)
        return ["supervisor"]
    return _say_all("changed", supervisor.reload()) if rewritten else []


def refuse_moved(system: System) -> None:
    """One folder is one system: it is not moved to other ports while it runs. Raises Refusal."""
    before = layout.recall(system.layout.state).get("offset", system.layout.offset)
    if before == system.layout.offset:
        return
    there = replace(system.layout, offset=before)
    moved = replace(system, layout=there, ports=replace(system.ports, offset=before))
    if Supervisor(moved).alive():
        raise Refusal(
            f"demae of this folder is up with DEMAE_PORT_OFFSET={before}: `make down` first, to move it to other ports."
        )


def _prepare_data(system: System) -> list[str]:
    with ThreadPoolExecutor() as pool:
        cluster = pool.submit(postgres.initialise, system.cluster)
        broker = pool.submit(configuration.format_broker, system)
        return [name for name, made in (("postgres", cluster), ("kafka", broker)) if made.result()]


def _leave_out(system: System) -> list[str]:
    """Stops what a person wants to run elsewhere."""
    left = [part.name for part in table(system) if left_out(system, part)]
    for name in left:
        say(f"{name:<16} is left to you: make run S={name}")
    return [name for name in left if Supervisor(system).stop(name)]


def _start(system: System, names: Sequence[str]) -> list[str]:
    """-> those that did not run."""
    supervisor = Supervisor(system)
    return [name for name in names if supervisor.start(name)]


def _wait(system: System, parts: Sequence[Part], started: Sequence[str]) -> None:
    """Until all are ready. Of what ran already nothing is said while it is well."""
    news = {part.name for part in parts if part.name in started}
    ready.wait(system, parts, READY_SECONDS, lambda line: say(line) if news else None)


def _say_all(what: str, names: list[str]) -> list[str]:
    for name in names:
        say(f"{what} {name}")
    return names
