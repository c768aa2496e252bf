"""What `./demae` and the tests do to a container, on a real engine: Postgres out of deploy/compose.yaml."""

import shutil
from collections.abc import Iterator

import pytest

from containers import compose, secrets, system
from containers.control import Control
from ground import container_runs, ownership
from ground.waiting import until
from runtime import layout
from runtime.errors import NotUpError

SECONDS = 60.0
pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(scope="module")
def control(engine: None) -> Iterator[Control]:
    """A project of this run, with Postgres alone; gone at the end."""
    container_runs.sweep()
    home, name = ownership.folder(), f"{container_runs.run_name()}-control"
    where = layout.Layout(layout.ROOT, home / "state", home / "downloads", 0)
    where.make()
    known = system.load(where, {}, [], project=name)
    secrets.write(known)
    try:
        compose.ask(known, "up", "--detach", "--no-deps", "postgres")
        yield Control(known)
    finally:
        container_runs.remove(name)
        shutil.rmtree(home, ignore_errors=True)


def ready(control: Control) -> None:
    """Waits until Postgres says so."""
    until(lambda: control.ready(["postgres"])["postgres"] is None, SECONDS, "Postgres")


def test_killed_container_comes_back(control: Control) -> None:
    """Signal 9 is no person's wish: the restart policy acts, and the server is ready again."""
    ready(control)
    before = control.containers()["postgres"]
    control.kill("postgres")
    until(lambda: control.containers()["postgres"].restarts > before.restarts, SECONDS, "a restart")
    ready(control)
    assert control.containers()["postgres"].id == before.id


def test_frozen_container_says_so(control: Control) -> None:
    """It is asked nothing, and goes on afterwards."""
    ready(control)
    control.pause("postgres")
    assert control.ready(["postgres"]) == {"postgres": "paused"}
    control.resume("postgres")
    ready(control)


def test_stopped_container_stays_so(control: Control) -> None:
    """Until somebody starts it."""
    ready(control)
    control.stop("postgres")
    assert control.ready(["postgres"]) == {"postgres": "ended with code 0"}
    control.start("postgres")
    ready(control)


def test_others_are_not_there(control: Control) -> None:
    """What was never started is neither an error nor ready."""
    assert control.ready(["kafka"]) == {"kafka": "not started yet"}
    with pytest.raises(KeyError):
        control.start("paymnet")


def test_nothing_is_not_up(control: Control) -> None:
    """Another project has no containers."""
    elsewhere = system.load(control.system.layout, project=f"{container_runs.run_name()}-elsewhere")
    with pytest.raises(NotUpError, match="make up"):
        Control(elsewhere).containers()


def test_seen_containers_have_what_they_need(control: Control) -> None:
    """The password came out of a file, and stands in no variable of the container."""
    one = control.containers()["postgres"]
    [found] = control.system.engine.inspect("container", [one.id])
    password = control.system.keys.database["postgres"]
    assert not [line for line in found["Config"]["Env"] if password in line]
    assert found["HostConfig"]["ReadonlyRootfs"]
