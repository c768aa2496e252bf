"""Components beside each other: whatever a person chooses renders, and breaks no policy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster import check, policy
from cluster.facts import Facts, collect
from cluster.render import read, render
from runtime.layout import ROOT
from tests.support.overlays import needs

Places = Sequence[tuple[str, Path]]


@pytest.fixture(scope="module")
def facts() -> Facts:
    """What the code says."""
    return collect(ROOT)


def broken(places: Places, facts: Facts) -> list[str]:
    """What breaks a policy, and where."""
    return [f"{name}: {fault}" for name, one in places for fault in policy.violations(read(render(one)), facts)]


def test_every_pair_keeps_the_policies(facts: Facts) -> None:
    """Each component alone, and with each other one."""
    needs("kubectl")
    with check.combinations(ROOT) as combined:
        assert broken(combined, facts) == []


def test_overlays_keep_the_policies(facts: Facts) -> None:
    """As they are delivered."""
    needs("kubectl")
    assert broken(check.kustomizations(ROOT), facts) == []


def test_check_goes_on_after_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A kustomization that does not render is told with the rest, and the answer is that of all."""
    needs("kubectl")
    (tmp_path / "kustomization.yaml").write_text("resources: [typo.yaml]\n")

    @contextmanager
    def none(_: Path) -> Iterator[Places]:
        yield []

    monkeypatch.setattr("cluster.check.combinations", none)
    monkeypatch.setattr("cluster.check.kustomizations", lambda _: [("typo", tmp_path), ("whole", ROOT / "deploy/k8s")])
    monkeypatch.setattr("cluster.custom.faults", lambda *_: [])
    assert not check.check(ROOT)
    said = capsys.readouterr().out
    assert "✗ typo\n    " in said
    assert "✓ whole\n" in said
