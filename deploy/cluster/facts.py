"""What the code says about itself: which processes there are, and what each of them reads from its environment."""

import ast
import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from pydantic_settings import BaseSettings

from bootstrap.secrets import Values, secrets_of
from bootstrap.settings import Settings as BootstrapSettings
from chassis.migrate import ROLE_LIMITS, roles
from chassis.settings import ProcessSettings
from containers import images
from runtime import discovery

HEALTH_PORT: int = ProcessSettings.model_fields["health_port"].default
BATCH_SECONDS = int(ROLE_LIMITS["transaction_timeout"].removesuffix("s"))  # the longest that a drain waits for a batch
UPSTREAM = re.compile(r"\$\{(?:POSTGRES|KAFKA|CONNECT)_IMAGE:-([^}]+)\}")
CADDY = re.compile(r"\{\$([A-Z_]+)")
NAME = re.compile(r'"([A-Z][A-Z_]{3,})"')


@dataclass(frozen=True)
class Program:
    """A Deployment of ours: image, arguments, and the variables that it must or may be given."""

    image: str
    arguments: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    service: bool = False  # it has health on HEALTH_PORT, a database role, and reads the log
    listens: bool = False  # it is asked over HTTP
    drains: int = 0  # seconds that its orderly end may take


@dataclass(frozen=True)
class Facts:
    """`programs` by the name of their Deployment, `secrets`: Secret → its keys; `upstream`: full names."""

    programs: Mapping[str, Program]
    secrets: Mapping[str, frozenset[str]]
    upstream: frozenset[str] = field(default_factory=frozenset)
    images: frozenset[str] = field(default_factory=frozenset)


def collect(root: Path) -> Facts:
    """The facts of the tree at `root`, which must be the one that is imported."""
    found = [process for process in discovery.processes(root) if process.autostart]
    programs = {process.name: _program(root, process) for process in found}
    caddy = frozenset(CADDY.findall((root / "deploy" / "edge" / "Caddyfile").read_text()))
    bootstrap = _variables(BootstrapSettings)
    programs["edge"] = Program("edge", known=caddy, listens=True)
    programs["bootstrap"] = Program("bootstrap", ("watch",), *bootstrap, drains=BATCH_SECONDS)
    return Facts(
        programs=programs,
        secrets=_secrets(root),
        upstream=frozenset(UPSTREAM.findall((root / "deploy" / "compose.yaml").read_text())),
        images=frozenset(image.name for image in images.images(root)),
    )


def _program(root: Path, process: discovery.Process) -> Program:
    if not process.service:
        return _demo(root, process)
    module = importlib.import_module(f"{process.module}.__main__")
    read = [_variables(one) for one in _loaded(module, process.arguments)]
    known: frozenset[str] = frozenset().union(*(known for _, known in read))
    return Program(
        image=process.module,
        arguments=process.arguments,
        required=frozenset().union(*(required for required, _ in read)),
        known=known,
        service=True,
        listens="HTTP_PORT" in known,
        drains=BATCH_SECONDS,
    )


def _demo(root: Path, process: discovery.Process) -> Program:
    """It shares nothing with the services: its settings are a module that names its variables."""
    settings = (root / "demo" / process.module / "settings.py").read_text()
    required: frozenset[str] = frozenset(importlib.import_module(f"{process.module}.settings").REQUIRED)
    known = required | frozenset(NAME.findall(settings))
    return Program(process.module, process.arguments, required, known, listens=process.listens)


def _loaded(module: ModuleType, arguments: tuple[str, ...]) -> list[type[BaseSettings]]:
    """The settings that a program loads: in the function named by its first argument, else anywhere."""
    tree = ast.parse(Path(module.__file__ or "").read_text())
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    chosen = [one for one in functions if arguments and one.name == arguments[0]] or functions
    calls = [node for one in chosen for node in ast.walk(one) if isinstance(node, ast.Call)]
    names = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "load"]
    return [getattr(module, name.id) for name in names if isinstance(name, ast.Name)]


def _variables(settings: type[BaseSettings]) -> tuple[frozenset[str], frozenset[str]]:
    """Those that it must be given, and all that it knows."""
    fields = settings.model_fields
    required = frozenset(name.upper() for name, one in fields.items() if one.is_required())
    return required, frozenset(name.upper() for name in fields)


def _secrets(root: Path) -> dict[str, frozenset[str]]:
    services = root / "services"
    words = dict.fromkeys(roles(services), "x")
    made = secrets_of(services, Values("postgresql://postgres:x@postgres:5432/postgres", words, "x", "x"))
    return {name: frozenset(keys) for name, keys in made.items()}
