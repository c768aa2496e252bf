"""Where a run of the tests has its whole system: containers, local processes, or one that is already there.

RUNTIME=compose, local or url says so. Without it: the address in DEMAE_E2E_URL, else containers where an engine
answers, else local processes. What is asked for by name and is not there ends the run.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from containers import base_images, images
from containers.engine import Engine
from ground import stack_url
from ground.stack import Stack
from local import java
from runtime.errors import Refusal
from runtime.layout import ROOT

NAMES = ("compose", "local", "url")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Runtime:
    """`prepare` is what takes minutes the first time, and tells how far it is; it raises Refusal.

    `about` is for the header of the run.
    """

    name: str
    about: str
    prepare: Callable[[Tell], None]
    start: Callable[[], AbstractContextManager[Stack]]


def choose(variables: Mapping[str, str]) -> Runtime:
    """The runtime of these variables. Raises pytest.UsageError when one is wanted that is not there."""
    wanted = variables.get("RUNTIME", "")
    if wanted and wanted not in NAMES:
        raise pytest.UsageError(f"RUNTIME={wanted}: there are {', '.join(NAMES)}.")
    if wanted == "url" or (not wanted and variables.get("DEMAE_E2E_URL")):
        return _url(variables)
    if wanted == "local":
        refuse_without_java()
        return local("RUNTIME=local")
    try:
        return _compose("RUNTIME=compose" if wanted else "an engine answers")
    except Refusal as refused:
        if wanted:
            raise pytest.UsageError(f"RUNTIME=compose: {refused}") from None
        return local(str(refused))


def prepare(chosen: Runtime, variables: Mapping[str, str], tell: Tell) -> Runtime:
    """The runtime, ready to start: another one when its images cannot be had and it was not asked for by name."""
    try:
        chosen.prepare(tell)
    except Refusal as refused:
        if variables.get("RUNTIME"):
            raise pytest.UsageError(f"RUNTIME={chosen.name}: {refused}") from None
        return local(str(refused))
    return chosen


def local(reason: str) -> Runtime:
    """Local processes."""
    from ground.stack_local import local_stack  # noqa: PLC0415  (what the others need not have)

    return Runtime("local", f"local processes ({reason})", lambda _tell: None, local_stack)


def refuse_without_java() -> None:
    """Raises pytest.UsageError when the broker cannot run as a process."""
    if not shutil.which(java.program()):
        raise pytest.UsageError("RUNTIME=local: there is no Java; install a JDK ≥ 17, or set JAVA_HOME.")


def _compose(reason: str) -> Runtime:
    engine = Engine()
    engine.refuse_unfit()
    from ground import stack_compose  # noqa: PLC0415  (a third of a second)

    version = engine.ask("version", "--format", "{{.Server.Version}}").strip()
    bases = ", ".join(sorted(base_images.overrides(ROOT).values())) or "upstream's"
    about = f"containers ({reason}; engine {version}; images {images.tag('*')} on {bases})"
    return Runtime("compose", about, stack_compose.build, stack_compose.compose_stack)


def _url(variables: Mapping[str, str]) -> Runtime:
    if missing := [name for name in stack_url.REQUIRED if not variables.get(name)]:
        raise pytest.UsageError(f"RUNTIME=url: set {' and '.join(missing)}.")
    given = {name: variables[name] for name in variables if name.startswith("DEMAE_E2E_") or name == "JWT_SECRET"}
    return Runtime(
        "url", f"what is at {given['DEMAE_E2E_URL']}", lambda _tell: None, lambda: stack_url.url_stack(given)
    )
