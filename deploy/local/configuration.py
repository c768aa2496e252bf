"""The configuration files of broker, Connect and supervisor's neighbours, rendered into the state folder."""

import secrets
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path
from string import Template

from local import fetch, java
from local.system import System
from runtime.errors import Refusal
from runtime.layout import write

# Relative to the state folder, where the broker runs: a comma in a path would be read as two.
DATA = "kafka"


def broker(system: System) -> Path:
    return system.layout.config / "broker.properties"


def connect(system: System) -> Path:
    return system.layout.config / "connect.properties"


def render(system: System) -> None:
    """Writes the files for the ports of this system."""
    deploy, ports = system.layout.root / "deploy", system.ports
    values = {"port": ports.kafka, "controller": ports.controller, "data": DATA}
    _fill(deploy / "local" / "broker.properties", broker(system), values)
    values = {"kafka": system.kafka, "host": "127.0.0.1", "port": ports.connect, "replicas": 1}
    _fill(deploy / "connect" / "worker.properties", connect(system), values)


def format_broker(system: System) -> bool:
    """Prepares the broker's data folder; False when it was."""
    if (system.layout.state / DATA / "meta.properties").exists():
        return False
    identity = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    # An id that begins with a dash would be read as an option.
    words = ["format", "-t", f"A{identity[1:]}", "-c", str(broker(system))]
    jars = fetch.where(system.layout).jars
    command = [*java.command(jars, java.TOOL), "kafka.tools.StorageTool", *words]
    done = subprocess.run(
        command, cwd=system.layout.state, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Refusal(f"The broker's data folder could not be prepared:\n{done.stdout}{done.stderr}")
    return True


def _fill(template: Path, target: Path, values: dict[str, object]) -> None:
    write(target, Template(template.read_text()).substitute({name: _escaped(v) for name, v in values.items()}))


def _escaped(value: object) -> str:
    """A backslash begins an escape in a properties file."""
    return str(value).replace("\\", "\\\\")
