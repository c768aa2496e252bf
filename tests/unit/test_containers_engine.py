"""What is refused of an engine, in one line that says what to do."""

from collections.abc import Mapping, Sequence

import pytest

from containers.engine import Engine, EngineError, EngineGone, Said, numbers

FIT = {"version": Said(0, "1.45\n", ""), "compose": Said(0, "2.26.1-4\n", ""), "info": Said(0, "8000000000\n", "")}
AWAY = Said(1, "", "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?")
FORBIDDEN = Said(
    1,
    "",
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    'Get "http://x/v1.45/version": dial unix /var/run/docker.sock: connect: permission denied',
)
OLD_CLIENT = Said(
    1,
    "",
    "Error response from daemon: client version 1.38 is too old. Minimum supported API version is 1.44, "
    "please upgrade your client to a newer version",
)


def engine(**other: Said) -> Engine:
    """A fit one, but for what it says to some of the words."""

    def run(
        words: Sequence[str], _text: str | None, _variables: Mapping[str, str] | None, _seconds: float | None
    ) -> Said:
        return {**FIT, **other}[words[1]]

    return Engine(run)


def test_fit_engine_is_not_refused() -> None:
    """Engine 26 with compose 2.26 and 8 GB."""
    engine().refuse_unfit()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"version": Said(0, "1.41\n", "")}, r"too old \(API 1.41\): update Docker"),
        ({"version": Said(1, "", "client is too new. Maximum supported API version is 1.41")}, r"too old \(API 1.41\)"),
        (
            {"compose": Said(1, "", "docker: 'compose' is not a docker command.")},
            "compose is missing: install docker-comp",
        ),
        ({"version": FORBIDDEN}, r"you may not use it .* add yourself to its group \(sudo usermod -aG docker"),
        ({"version": OLD_CLIENT}, r"refuses this program docker \(client version 1.38 is too old"),
        ({"compose": Said(0, "v2.17.2\n", "")}, r"compose is too old \(2.17\): install"),
        ({"info": Said(0, "2000000000\n", "")}, "has 2.0 GB of memory, and demae needs 3: give it more"),
    ],
    ids=["old", "older than the client", "no compose", "forbidden", "old client", "old compose", "small"],
)
def test_unfit_engine_is_refused(said: dict[str, Said], words: str) -> None:
    """The line says what is wrong, what to do, and the way without containers."""
    with pytest.raises(EngineError, match=words) as refused:
        engine(**said).refuse_unfit()
    assert "RUNTIME=local make up" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("said", [FORBIDDEN, OLD_CLIENT], ids=["forbidden", "old client"])
def test_engine_that_keeps_out_is_there(said: Said) -> None:
    """Whoever asks, and for whatever: it is not for want of an engine."""
    with pytest.raises(EngineError, match="RUNTIME=local make up"):
        engine(version=said).answers()
    with pytest.raises(EngineError, match="RUNTIME=local make up"):
        engine(ps=said).ask("ps")


def test_stopped_engine_is_gone() -> None:
    """It may be there tomorrow: its data is."""
    with pytest.raises(EngineGone, match=r"does not answer .* Start it"):
        engine(version=AWAY).refuse_unfit()


def test_engine_may_go_at_any_time() -> None:
    """What is asked of a daemon that died is the same refusal."""
    with pytest.raises(EngineGone):
        engine(ps=AWAY).ask("ps")


def test_without_docker_there_is_none() -> None:
    """No program, no traceback."""

    def run(*_: object) -> Said:
        raise FileNotFoundError

    assert not Engine(run).answers()
    with pytest.raises(EngineGone, match="no program docker here: install Docker"):
        Engine(run).refuse_unfit()


def test_refusals_are_the_engines_words() -> None:
    """Its last line is what a person needs."""
    with pytest.raises(EngineError, match=r"^Error response from daemon: no such container$"):
        engine(stop=Said(1, "", "some line\nError response from daemon: no such container\n")).ask("stop", "x")


@pytest.mark.parametrize(("text", "found"), [("v2.26.1-4", (2, 26)), ("1.45\n", (1, 45)), ("", ()), ("dev", ())])
def test_versions_are_read(text: str, found: tuple[int, ...]) -> None:
    """As Debian, Docker and a build of one's own write them."""
    assert numbers(text) == found
