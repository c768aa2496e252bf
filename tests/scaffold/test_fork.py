"""docs/fork.md, followed word by word in a copy of this checkout. It goes with demo/."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ground import ownership, ports
from local import java
from tests.support.checkout import Checkout, checkout_copy
from tests.support.databases import ROOT
from tests.support.documents import follow
from tests.support.payment_provider import KEY, running_provider

PAGE = ROOT / "docs" / "fork.md"


@pytest.fixture
def fork() -> Iterator[Checkout]:
    """A copy that is told where its state is under the new name, too, and that what is locked is installed."""
    ownership.sweep()
    home = ownership.folder()
    own = {"STATE": str(home / "state"), "PORT_OFFSET": str(next(ports.free_offsets()))}
    downloads = {"NABE_DOWNLOADS": str(ROOT / ".run" / "downloads")}
    settings = {f"{name}_{key}": value for key, value in own.items() for name in ("DEMAE", "NABE")}
    try:
        with checkout_copy(home / "checkout", RUNTIME="local", **settings, **downloads) as copy:
            for note in (copy.root / ".venv").glob("demae-*"):
                shutil.copy(note, note.with_name(note.name.replace("demae", "nabe")))
            yield copy
            copy.run("make", "clean")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.timeout(900)
def test_fork_is_made(fork: Checkout, tmp_path: Path) -> None:
    """Without the demo, renamed: it is checked and tested, takes a new service, delivers an order paid elsewhere."""
    follow(fork, PAGE)
    assert fork.changes() == []
    assert fork.run("git", "grep", "-i", "demae").stdout == ""
    left = yaml.safe_load((fork.root / "deploy" / "compose.yaml").read_text())
    assert set(left["services"]) & {"provider", "actors", "payment", "edge"} == {"payment", "edge"}
    assert "provider" not in left["volumes"]
    fork.sh("make new-service NAME=points && make check && git stash -qu && git stash drop -q")
    if not shutil.which(java.program()):
        pytest.skip("the rest needs Java for the local runtime")
    with running_provider(tmp_path / "provider.jsonl") as provider:
        fork.settings.update(PROVIDER_URL=provider.url, PROVIDER_KEY=KEY)
        assert "DELIVERED" in fork.sh("make up", seconds=400)
        assert len(provider.lines("payment_intent.succeeded")) == 1
        fork.run("make", "clean")
