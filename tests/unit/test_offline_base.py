"""The stand-in of Debian: what it takes over from the machine."""

import pytest

from containers.build import BuildError
from offline import base

KNOWN = "Debian Debian http://mirror.example/debian/\n"


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine with apt: what `_run` was asked, and by then apt knows nothing unless a test says so."""
    asked: list[str] = []
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(base, "_run", lambda words, *_: asked.append(" ".join(words)))
    monkeypatch.setattr(base, "_targets", lambda: "")
    return asked


def test_mirror_is_the_machines(updates: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No address of a mirror is ours."""
    monkeypatch.setattr(base, "_targets", lambda: KNOWN)
    assert (base.look().mirror, updates) == ("http://mirror.example/debian/", [])


def test_unknown_mirror_is_asked_for(updates: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose apt was never updated knows none yet."""
    monkeypatch.setattr(base, "_targets", lambda: KNOWN if updates else "")
    assert (base.look().mirror, updates) == ("http://mirror.example/debian/", ["apt-get update -qq"])


def test_machine_without_mirror_is_refused(updates: list[str]) -> None:
    """It is no Debian."""
    with pytest.raises(BuildError, match="knows no Debian mirror"):
        base.look()
