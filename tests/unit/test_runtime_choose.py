"""Which runtime is taken, and what a person is told."""

from pathlib import Path

import pytest

from containers.engine import Engine, Said
from runtime import layout
from runtime.choose import choose, forced, nothing_here, remembered
from runtime.errors import Refusal


def engine(answers: bool) -> Engine:
    """One that answers, or none."""
    said = Said(0, "1.45", "") if answers else Said(1, "", "Cannot connect to the Docker daemon at unix:///x.")
    return Engine(lambda *_: said)


@pytest.mark.parametrize(("answers", "name"), [(True, "compose"), (False, "local")])
def test_engine_decides_for_a_new_system(tmp_path: Path, answers: bool, name: str) -> None:
    """Containers where an engine answers, processes elsewhere."""
    assert choose(tmp_path, {}, engine(answers)) == name


def test_engine_that_keeps_out_decides_nothing(tmp_path: Path) -> None:
    """A person who is not in its group is told so, and both ways on; the one without containers asks nothing."""
    said = Said(1, "", "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock")
    forbidden = Engine(lambda *_: said)
    with pytest.raises(Refusal, match=r"add yourself to its group .*RUNTIME=local make up"):
        choose(tmp_path, {}, forbidden)
    assert choose(tmp_path, {"RUNTIME": "local"}, forbidden) == "local"


@pytest.mark.parametrize(("answers", "name"), [(True, "local"), (False, "compose")])
def test_person_decides_before_the_engine(tmp_path: Path, answers: bool, name: str) -> None:
    """RUNTIME forces it; whether it can be done is another question."""
    assert choose(tmp_path, {"RUNTIME": name}, engine(answers)) == name


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("name", ["compose", "local"])
def test_data_decides_before_the_engine(tmp_path: Path, name: str, answers: bool) -> None:
    """A stopped engine does not make an empty second system of processes."""
    layout.remember(tmp_path, runtime=name)
    assert choose(tmp_path, {}, engine(answers)) == name


def test_switching_is_refused(tmp_path: Path) -> None:
    """With both ways out: forget the data, or begin elsewhere."""
    layout.remember(tmp_path, runtime="compose")
    with pytest.raises(Refusal, match=r"RUNTIME=compose[\s\S]*make clean[\s\S]*DEMAE_STATE="):
        choose(tmp_path, {"RUNTIME": "local"}, engine(True))


def test_data_of_before_the_choice_is_local(tmp_path: Path) -> None:
    """A system that was made when there were processes only."""
    layout.remember(tmp_path, offset=0, places=["api-http"])
    assert remembered(tmp_path) == "local"


def test_misspelt_runtime_is_refused() -> None:
    """With the two that there are."""
    with pytest.raises(Refusal, match="it must be compose or local"):
        forced({"RUNTIME": "docker"})


def test_neither_names_both_ways() -> None:
    """One message: what to install for the one, and for the other."""
    said = nothing_here(["Java 17 or newer is missing", "Maven is missing"])
    assert all(words in said for words in ("install Docker 25", "Java 17 or newer is missing", "Maven is missing"))
