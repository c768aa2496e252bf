"""The container runtime alone: what of it reaches the host, and what it keeps."""

from containers import images
from ground import container_runs
from ground.stack_compose import ComposeStack
from runtime.layout import ROOT
from tests.e2e.test_stack import MENUS, ask


def test_nothing_is_published_beyond_this_machine(compose: ComposeStack) -> None:
    """The edge, and what the open layer adds for tests; on the loopback address."""
    published = set()
    for process in compose.processes():
        bindings = compose.inspected(process)["HostConfig"]["PortBindings"] or {}
        published |= {(process, one["HostIp"]) for given in bindings.values() for one in given}
    assert published == {(process, "127.0.0.1") for process in ("postgres", "kafka", "edge", "connect", "provider")}


def test_everything_carries_the_name_of_the_run(compose: ComposeStack) -> None:
    """Each container, the network, each volume, a tag of each image: what the next run would sweep."""
    kinds = [thing.split()[0] for thing in container_runs.things(container_runs.run_name())]
    assert kinds.count("container") == len(compose.processes()) + 1  # and bootstrap, which has ended
    assert (kinds.count("network"), kinds.count("volume")) == (1, 3)
    assert kinds.count("image") == len(images.images(ROOT))


def test_images_are_the_run_s_own(compose: ComposeStack) -> None:
    """Whoever builds meanwhile, of another checkout even, changes nothing here."""
    ours = {compose.inspected(process)["Config"]["Image"] for process in ("edge", "payment", "provider")}
    assert {image.rpartition(":")[2] for image in ours} == {container_runs.run_name()}


def test_up_again_changes_nothing(compose: ComposeStack) -> None:
    """Whoever runs goes on running."""
    before = {process: compose.incarnation(process) for process in compose.processes()}
    compose.up_again()
    assert {process: compose.incarnation(process) for process in compose.processes()} == before


def test_new_containers_have_the_data(compose: ComposeStack) -> None:
    """`down` and `up`: every container is another one, and finds what was there."""
    compose.project.call("down")
    compose.project.start()
    assert ask(compose, MENUS).json()["data"]["restaurants"]["edges"]
