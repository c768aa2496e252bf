"""A test run in a process of its own, with one container and one compose project: for tests of what it leaves.

Run by pytest as a test file; `MOOD` says how it ends. It prints the run's name when it is at its end, or hangs there.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground import compose, container_runs

from testcontainers.core.container import DockerContainer  # isort: skip

MOOD = os.environ.get("DEMAE_TINY_MOOD", "succeed")
IMAGE = os.environ.get("DEMAE_TINY_IMAGE", "")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[compose.Project]:
    """A service with a volume, in a network; never healthy when the mood is to hang in its start."""
    folder = tmp_path_factory.mktemp("tiny")
    file = Path(__file__).with_name("tiny_run.yaml")
    healthy = "false" if MOOD == "start" else "true"
    variables = {"IMAGE": IMAGE, "HEALTHY": healthy}
    print(f"run {container_runs.run_name()}", flush=True)  # noqa: T201
    with compose.running(compose.Project(folder, str(file), variables=variables)) as project:
        yield project


@pytest.fixture(scope="session")
def single() -> Iterator[str]:
    """A container beside."""
    with DockerContainer(IMAGE, command="600", entrypoint="sleep", labels=container_runs.labels()) as container:
        yield container.get_container_id()


def test_mood(project: compose.Project, single: str) -> None:
    """All is there; then what the mood says."""
    kinds = {thing.split()[0] for thing in container_runs.things(project.name)}
    assert kinds == {"container", "network", "volume"}
    print("there", flush=True)  # noqa: T201
    if MOOD == "hang":
        time.sleep(600)
    assert MOOD != "fail"
