"""docs/add-a-service.md and docs/fork.md, followed word by word in a copy of this checkout."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from containers.engine import Engine
from ground import container_runs, ownership, ports
from local import java
from runtime.errors import Refusal
from tests.support.checkout import Checkout, checkout_copy
from tests.support.databases import ROOT
from tests.support.documents import follow

ADD = ROOT / "docs" / "add-a-service.md"
SECONDS = 900  # a minute and a half when the machine has nothing else to do

pytestmark = pytest.mark.timeout(SECONDS)


@contextmanager
def a_system(runtime: str) -> Iterator[Checkout]:
    """A copy whose `make up` has state and ports of its own; whatever became of it, nothing of it runs on."""
    ownership.sweep()
    home = ownership.folder()
    offset = str(next(ports.free_offsets()))
    settings = {"RUNTIME": runtime, "DEMAE_STATE": str(home / "state"), "DEMAE_PORT_OFFSET": offset}
    try:
        with checkout_copy(home / "checkout", **settings) as copy:
            try:
                yield copy
            finally:
                copy.run("make", "clean")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def processes() -> Iterator[Checkout]:
    """For a system of local processes."""
    if not shutil.which(java.program()):
        pytest.skip("there is no Java for the local runtime")
    with a_system("local") as copy:
        yield copy


@pytest.fixture
def containers() -> Iterator[Checkout]:
    """For a system in containers: a project of this run, and the base images of this checkout."""
    try:
        Engine().refuse_unfit()
    except Refusal as refused:
        pytest.skip(str(refused))
    container_runs.sweep()
    project = f"{container_runs.run_name()}-copy"
    with a_system("compose") as copy:
        state = Path(copy.settings["DEMAE_STATE"])
        state.mkdir(mode=0o700)
        (state / "settings.json").write_text(json.dumps({"project": project}))
        if (chosen := ROOT / ".run" / "images.env").exists():
            (copy.root / ".run").mkdir()
            shutil.copy(chosen, copy.root / ".run")
        try:
            yield copy
        finally:
            container_runs.remove(project)
            copy.run("docker", "image", "rm", "--force", "demae/loyalty:dev")


def test_add_a_service_on_processes(processes: Checkout) -> None:
    """Every command: it reacts to an order, reads one more event, says one of its own, and leaves nothing."""
    follow(processes, ADD, "1", "2", "3")
    said = processes.sh(f"{there(processes)} .venv/bin/python -m pytest -q tests/e2e/test_loyalty_reacts.py")
    assert "1 passed" in said
    follow(processes, ADD, "4", "5", "6", "7")
    assert processes.changes() == []


def test_add_a_service_in_containers(containers: Checkout) -> None:
    """It is written, started with the others, and reacts to an order."""
    follow(containers, ADD, "1", "3")


def there(checkout: Checkout) -> str:
    """The variables by which an e2e test finds the system that runs already."""
    state = Path(checkout.settings["DEMAE_STATE"])
    person = dict(line.split("=", 1) for line in (state / "person").read_text().splitlines())
    word = json.loads((state / "secrets.json").read_text())["database.verify"]
    port = 8032 + int(checkout.settings["DEMAE_PORT_OFFSET"])
    known = {
        "RUNTIME": "url",
        "DEMAE_E2E_URL": person["DEMAE_URL"],
        "JWT_SECRET": person["JWT_SECRET"],
        "DEMAE_E2E_DATABASE_URL": f"postgresql://verify:{word}@127.0.0.1:{port}/demae",
    }
    return " ".join(f"{name}='{value}'" for name, value in known.items())
