"""Where the evidence about one system is to be had. What is not there is left out, and the table says so.

The environment wins (a cluster, any other place): DATABASE_URL for role `verify`, KAFKA_BOOTSTRAP (with
KAFKA_PROPERTIES and KAFKA_PASSWORD), PROVIDER_LOG (a file), ALLOWANCES. Else it is the system that DEMAE_STATE names.
"""

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chassis.kafka import Properties
from runtime import layout, reach
from runtime.choose import COMPOSE, remembered

_SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Where:
    """Addresses, good for as long as the block lasts."""

    database: str
    kafka: Properties | None = None
    provider_log: Callable[[Path], Path | None] = lambda _folder: None
    """The log as it is when called: the file itself, or a copy in this folder."""
    allowances: Mapping[str, int] | None = None
    keeper: Callable[[], str] = lambda: ""
    """The keeper's /metrics; empty when they are not to be had."""


@contextmanager
def find(environment: Mapping[str, str] | None = None) -> Iterator[Where]:
    """The evidence of a system. Raises Refusal when there is no database to look at."""
    values = os.environ if environment is None else environment
    with reach.database("verify", values) as database, _system(values) as system:
        log = values.get("PROVIDER_LOG")
        yield Where(
            database,
            kafka=_properties(values) or system.kafka,
            provider_log=(lambda _folder: Path(log)) if log else system.provider_log,
            allowances=_allowances(values.get("ALLOWANCES")) or system.allowances,
            keeper=system.keeper,
        )


def _properties(values: Mapping[str, str]) -> Properties | None:
    if not values.get("KAFKA_BOOTSTRAP"):
        return None
    given: dict[str, str | int | float | bool] = json.loads(values.get("KAFKA_PROPERTIES") or "{}")
    word = {"sasl.password": values["KAFKA_PASSWORD"]} if values.get("KAFKA_PASSWORD") else {}
    return {"bootstrap.servers": values["KAFKA_BOOTSTRAP"], **given, **word}


def _allowances(text: str | None) -> Mapping[str, int] | None:
    return {reason: int(ticks) for reason, ticks in json.loads(text).items()} if text else None


@contextmanager
def _system(values: Mapping[str, str]) -> Iterator[Where]:
    """What the system on this machine has; nothing where another database is looked at."""
    where = layout.from_environment(values)
    if values.get("DATABASE_URL"):
        yield Where("")
    elif remembered(where.state) == COMPOSE:
        with _containers(where) as found:
            yield found
    else:
        yield _processes(where)


def _processes(where: layout.Layout) -> Where:
    # Each runtime is imported when it is the one.
    from local import system  # noqa: PLC0415
    from local.parts import table  # noqa: PLC0415

    known = system.load(where)
    keeper = next((part.health for part in table(known) if part.name == "keeper"), "")
    return Where(
        "",
        kafka={"bootstrap.servers": known.kafka},
        provider_log=lambda _folder: known.provider_log if known.provider_log.exists() else None,
        allowances=_allowances(known.settings.get("ALLOWANCES")),
        keeper=lambda: _asked(f"{keeper}/metrics"),
    )


@contextmanager
def _containers(where: layout.Layout) -> Iterator[Where]:
    from containers import system  # noqa: PLC0415
    from containers.control import Control  # noqa: PLC0415

    known = system.load(where)
    control = Control(known)
    there = control.containers()

    def provider_log(folder: Path) -> Path | None:
        if "provider" not in there:
            return None
        known.engine.ask("cp", f"{there['provider'].id}:/var/lib/provider/log.jsonl", str(folder / "provider.jsonl"))
        return folder / "provider.jsonl"

    found = Where(
        "",
        kafka={"bootstrap.servers": known.kafka},
        provider_log=provider_log,
        allowances=_allowances(known.settings.get("ALLOWANCES")),
        keeper=lambda: control.ask(["keeper"], "/metrics")["keeper", "/metrics"].body,
    )
    if known.opened:
        yield found
    else:  # the broker tells its clients this very port of the host, published or not
        relay = reach.RELAY.replace("postgres/5432", "127.0.0.1/29092")
        command = ("docker", "exec", "--interactive", there["kafka"].id, "bash", "-c", relay)
        with reach.door(*command, port=known.ports.kafka):
            yield found


def _asked(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            text: bytes = answer.read()
    except OSError:
        return ""
    return text.decode()


def samples(metrics: str) -> dict[str, float]:
    """Name → value, of the Prometheus text; of a name with labels the last one."""
    return {name: float(value) for name, value in _SAMPLE.findall(metrics)}
