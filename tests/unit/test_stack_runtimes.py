"""Which stack a run of the tests has: what is asked for, what is there, what is said when it is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from containers.engine import Engine, EngineGone
from ground.stack import Stack
from ground.stack_compose import ComposeStack
from ground.stack_local import LocalStack
from ground.stack_url import UrlStack
from local import prepare
from runtime.errors import Refusal
from tests.support import runtimes

KNOWN = {"DEMAE_E2E_URL": "http://demae.example/", "JWT_SECRET": "s" * 32}


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers."""

    def gone(_engine: Engine) -> None:
        raise EngineGone("The container engine does not answer.")

    monkeypatch.setattr(Engine, "refuse_unfit", gone)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine is fit, and says one version."""
    monkeypatch.setattr(Engine, "refuse_unfit", lambda _engine: None)
    monkeypatch.setattr(Engine, "ask", lambda _engine, *_words: "26.1.5\n")


def test_engine_means_containers(engine: None) -> None:
    """Without a word from anybody; the header names engine and images."""
    chosen = runtimes.choose({})
    assert chosen.name == "compose"
    assert "engine 26.1.5" in chosen.about and "demae/*:dev" in chosen.about


def test_no_engine_means_processes(no_engine: None) -> None:
    """The header says why."""
    chosen = runtimes.choose({})
    assert (chosen.name, "does not answer" in chosen.about) == ("local", True)


def test_local_is_forced_beside_an_engine(engine: None) -> None:
    """A person's word counts."""
    assert runtimes.choose({"RUNTIME": "local"}).name == "local"


def test_forced_containers_do_not_fall_back(no_engine: None) -> None:
    """The run ends with the reason."""
    with pytest.raises(pytest.UsageError, match="RUNTIME=compose: The container engine does not answer"):
        runtimes.choose({"RUNTIME": "compose"})


def test_forced_processes_need_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before the first test."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(pytest.UsageError, match="no Java"):
        runtimes.choose({"RUNTIME": "local"})


def test_unknown_runtime_is_refused() -> None:
    """A misspelt word means no other runtime."""
    with pytest.raises(pytest.UsageError, match="RUNTIME=docker: there are compose, local, url"):
        runtimes.choose({"RUNTIME": "docker"})


def test_address_means_what_is_there(engine: None) -> None:
    """Nothing is started beside it."""
    chosen = runtimes.choose(KNOWN)
    assert (chosen.name, chosen.about) == ("url", "what is at http://demae.example/")


def test_forced_address_must_be_told() -> None:
    """Both variables are named."""
    with pytest.raises(pytest.UsageError, match="set DEMAE_E2E_URL and JWT_SECRET"):
        runtimes.choose({"RUNTIME": "url"})


@contextmanager
def no_stack() -> Iterator[Stack]:
    yield UrlStack(KNOWN)


def unbuilt(_tell: runtimes.Tell) -> None:
    raise Refusal("demae/api:dev is not built")


UNBUILT = runtimes.Runtime("compose", "containers", unbuilt, no_stack)


def test_missing_images_mean_processes() -> None:
    """When nobody asked for containers by name; the reason is told."""
    chosen = runtimes.prepare(UNBUILT, {}, print)
    assert (chosen.name, chosen.about) == ("local", "local processes (demae/api:dev is not built)")


def test_missing_images_end_a_forced_run() -> None:
    """Instead of another runtime."""
    with pytest.raises(pytest.UsageError, match="RUNTIME=compose: demae/api:dev is not built"):
        runtimes.prepare(UNBUILT, {"RUNTIME": "compose"}, print)


def test_address_stack_speaks_to_it() -> None:
    """No doubled slash, and the socket beside it."""
    stack = UrlStack(KNOWN)
    assert (stack.url, stack.ws_url) == ("http://demae.example", "ws://demae.example/graphql")


def test_address_stack_can_what_it_is_told(tmp_path: Path) -> None:
    """The journal and the provider's log, when somebody says where they are; never to kill."""
    told = {**KNOWN, "DEMAE_E2E_DATABASE_URL": "postgresql://x", "DEMAE_E2E_PROVIDER_LOG": str(tmp_path)}
    assert UrlStack(KNOWN).abilities == frozenset()
    assert UrlStack(told).abilities == {"database", "provider log"}
    assert (UrlStack(told).database_url(), UrlStack(told).provider_log) == ("postgresql://x", tmp_path)
    with pytest.raises(NotImplementedError):
        UrlStack(told).kill("payment")


def test_unable_stack_skips_by_name(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary says what was missing."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.needs("kill", "database")
        def test_one(stack): ...

        @pytest.mark.needs("fly")
        def test_two(stack): ...

        def test_three(stack):
            assert stack.url == "http://demae.example"
        """
    )
    monkeypatch.setenv("RUNTIME", "url")
    for name, value in KNOWN.items():
        monkeypatch.setenv(name, value)
    result = pytester.runpytest("-ra")
    result.assert_outcomes(passed=1, skipped=1, errors=1)
    result.stdout.fnmatch_lines(["runtime: what is at*", "*this stack has not: database, kill*"])
    result.stdout.fnmatch_lines(["*there is no ability fly*"])


@pytest.mark.parametrize(
    ("kind", "java_missing", "ran"),
    [("Compose", [], 0), ("Compose", ["Java 17 or newer is missing"], 1), ("Local", [], 1), ("Url", [], 1)],
)
def test_once_is_where_processes_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kind: str, java_missing: list[str], ran: int
) -> None:
    """A test that one runtime is enough for runs in containers only when there is no other runtime for it."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest(
        f"""
        from tests.conftest import *
        from tests.e2e.conftest import once
        from ground.stack_{kind.lower()} import {kind}Stack

        @pytest.fixture(scope="session")
        def running_stack():
            class Fake({kind}Stack):
                abilities = frozenset()
            return Fake.__new__(Fake)
        """
    )
    pytester.makepyfile("def test_one(once): ...")
    monkeypatch.setattr(prepare, "java_missing", lambda: java_missing)
    monkeypatch.setenv("RUNTIME", "local")
    pytester.runpytest().assert_outcomes(passed=ran, skipped=1 - ran)


@pytest.mark.parametrize("stack", [ComposeStack, LocalStack])
def test_our_stacks_can_all(stack: type[Stack]) -> None:
    """Containers and processes leave no test out: whatever the interface has, they have."""
    methods = [name for name, value in vars(Stack).items() if callable(value) and not name.startswith("_")]
    assert [name for name in methods if name not in vars(stack)] == ["token"]
