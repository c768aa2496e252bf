"""The compose project of a system: its files, its variables, and `docker compose` with both."""

import os
from collections.abc import Mapping

from containers import images
from containers.system import System
from runtime.errors import Refusal
from runtime.layout import write
from runtime.system import PASSED

JSON = ("ALLOWANCES", "KAFKA_PROPERTIES")
COMPOSE, OPEN = "compose.yaml", "compose.open.yaml"


def command(system: System, *words: str) -> list[str]:
    """`docker compose` for this project, without the word docker."""
    deploy = system.layout.root / "deploy"
    files = [deploy / COMPOSE, *([deploy / OPEN] if system.opened else [])]
    chosen = [word for file in files for word in ("--file", str(file))]
    return ["compose", "--project-name", system.project, "--progress", "plain", *chosen, *words]


def variables(system: System) -> dict[str, str]:
    """What the files ask for, without a secret of the system's; a person's settings are in it as they are."""
    ports = system.ports
    ours = {name: os.environ[name] for name in ("DEMAE_IMAGES", "DEMAE_TAG") if name in os.environ}
    return {
        **images.overrides(system.layout.root),
        **ours,
        "DEMAE_SECRETS": str(system.secrets),
        "DEMAE_PORT": str(ports.edge),
        "DEMAE_POSTGRES_PORT": str(ports.postgres),
        "DEMAE_KAFKA_PORT": str(ports.kafka),
        "DEMAE_CONNECT_PORT": str(ports.connect),
        "DEMAE_PROVIDER_PORT": str(ports.provider),
        **system.settings,
    }


def environment(system: System) -> dict[str, str]:
    """The whole environment of a compose command: a person's own COMPOSE_* are for their own projects."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COMPOSE_") and k not in PASSED}
    return {**kept, **variables(system)}


def ask(system: System, *words: str) -> str:
    """Runs it to its end; -> what it printed. Raises what Engine raises."""
    return system.engine.ask(*command(system, *words), variables=environment(system))


def write_variables(system: System) -> None:
    """For compose by hand: `--env-file`, as the header of compose.yaml says."""
    lines: Mapping[str, str] = {"COMPOSE_PROJECT_NAME": system.project, **variables(system)}
    quoted = [f"{name}='{_quoted(name, value)}'" for name, value in lines.items()]
    write(system.layout.state / "compose.env", "\n".join(quoted) + "\n")


def refuse_secret(system: System) -> None:
    """Raises Refusal for a password in a person's settings: `docker inspect` shows the variables of a container."""
    if "sasl.password" in system.settings.get("KAFKA_PROPERTIES", ""):
        raise Refusal(
            "KAFKA_PROPERTIES has sasl.password, which a container would show to whoever inspects it: it belongs into "
            "KAFKA_PASSWORD, for processes that you start yourself and on Kubernetes (docs/bring-your-own.md); "
            "the broker of `make up` asks for none."
        )


def _quoted(name: str, value: str) -> str:
    """Within '…', where all but ' is literal. Of JSON it has another spelling, which every version of compose takes."""
    return value.replace("'", r"\u0027" if name in JSON else r"\'")
