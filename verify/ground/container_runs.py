"""Containers of a test run: each carries the run's name, so that nothing of it stays on the engine.

testcontainers' own reaper would need an image from a registry and a privileged socket; it is not used.
"""

import hashlib
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

# Read by testcontainers when it is imported.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
if Path("/.dockerenv").exists():  # else it would look for the engine's bridge, from inside of which it is not
    os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

from docker.errors import APIError  # type: ignore[import-untyped]
from testcontainers.core.docker_client import DockerClient

from ground import ownership

LABEL = "demae.test.run"
PROJECT = "com.docker.compose.project"
# Another machine may use the same engine: what its process ids mean is not known here.
HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]
_RUN = re.compile(r"^demae-test-(\d+-\d+)-([0-9a-f]{6})(?:-\w+)?$")
REMOVE_SECONDS = 60.0
QUIET_SECONDS = 0.5  # what a killed client had asked for may come a little later


@cache
def run_name() -> str:
    """This run, as label of its containers, networks and volumes, and as name of its compose project."""
    return f"demae-test-{ownership.name()}-{HOST}"


def labels() -> dict[str, str]:
    """For everything that is not made by compose."""
    return {LABEL: run_name()}


def pin(images: Iterable[str]) -> None:
    """Gives images the run's name as a tag: what others build meanwhile, under the tag of all, is not for this run."""
    with engine() as api:
        for image in images:
            api.tag(image, image.rpartition(":")[0], run_name())


@contextmanager
def engine() -> Iterator[Any]:
    """The engine's API (docker.APIClient), of the same context as the command `docker`."""
    client = DockerClient().client
    try:
        yield client.api
    finally:
        client.close()


def things(run: str) -> list[str]:
    """What there is of a run, as "container 1f3c", "network …", "volume …", "image …"."""
    with engine() as api:
        return [f"{kind} {name}" for kind, name, owner in _owned(api) if _is_of(owner, run)]


def sweep() -> None:
    """Removes what runs that are no more have left on the engine. Runs of other machines are theirs."""
    with engine() as api:
        runs = {owner for _, _, owner in _owned(api)}
    for run in runs:
        found = _RUN.match(run)
        if found and found[2] == HOST and not ownership.alive(found[1]):
            remove(run)


def remove_own() -> None:
    """What this run has made; does nothing, and asks nobody, when it has made nothing."""
    if run_name.cache_info().currsize:
        remove(run_name())


def remove(run: str, seconds: float = REMOVE_SECONDS) -> None:
    """Returns when nothing of the run is on the engine, and nothing more has come for a moment."""
    deadline = time.monotonic() + seconds
    quiet_since = time.monotonic()
    with engine() as api:
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            owned = [(kind, name) for kind, name, owner in _owned(api) if _is_of(owner, run)]
            if owned:
                quiet_since = time.monotonic()
            if quiet_since > deadline:
                raise RuntimeError(f"cannot be removed from the engine: {owned}")
            for kind, name in owned:
                with suppress(APIError):  # gone meanwhile, or still in use by what goes now: look again
                    _remove(api, kind, name)
            time.sleep(0.1)


def _is_of(owner: str, run: str) -> bool:
    """A run may have projects beside its own: the run's name, a dash, and a word."""
    return owner == run or owner.startswith(f"{run}-")


def _owned(api: Any) -> Iterator[tuple[str, str, str]]:
    """Kind, name and run of everything that carries a run's name. Containers come first: they use the others."""
    found = [
        *(("container", one["Id"], one["Labels"]) for one in api.containers(all=True)),
        *(("network", one["Id"], one["Labels"]) for one in api.networks()),
        *(("volume", one["Name"], one["Labels"]) for one in api.volumes()["Volumes"] or []),
    ]
    # Of images only the run's tag is its own.
    for tag in (tag for one in api.images() for tag in one["RepoTags"] or []):
        if _RUN.match(tag.rpartition(":")[2]):
            yield "image", tag, tag.rpartition(":")[2]
    for kind, name, given in found:
        run = (given or {}).get(LABEL) or (given or {}).get(PROJECT) or ""
        if _RUN.match(run):
            yield kind, name, run


def _remove(api: Any, kind: str, name: str) -> None:
    if kind == "container":
        api.remove_container(name, force=True, v=True)
    elif kind == "network":
        api.remove_network(name)
    elif kind == "image":
        api.remove_image(name)
    else:
        api.remove_volume(name, force=True)
