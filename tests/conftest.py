"""Fixtures that every test may ask for. Nothing starts until a test asks: unit and contract tests need no server."""

import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import pytest

from ground import failure
from ground.stack import ABILITIES, Stack
from tests.support import runtimes
from tests.support.databases import TestServer, running_server, service_databases

pytest_plugins = ["pytester"]
RUNTIME = pytest.StashKey[runtimes.Runtime]()
BEGAN = pytest.StashKey[tuple[Stack, Mapping[str, float]]]()


def pytest_configure(config: pytest.Config) -> None:
    """A runtime that was asked for and is not there ends the run here."""
    # As for Ctrl-C: what the run has started ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.addinivalue_line("markers", "needs(*abilities): skip on a stack that has not all of these")
    config.stash[RUNTIME] = runtimes.choose(os.environ)


def pytest_report_header(config: pytest.Config) -> str:
    """Where the tests that need a whole system run it."""
    return f"runtime: {config.stash[RUNTIME].about}"


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> str:
    """Before the first test, whose time is bounded: the images. Says so when that changes the runtime."""
    if not any("running_stack" in getattr(item, "fixturenames", ()) for item in items):
        return ""
    before = config.stash[RUNTIME]
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    config.stash[RUNTIME] = ready = runtimes.prepare(before, os.environ, terminal.write_line)
    return "" if ready is before else f"runtime: {ready.about}"


def pytest_unconfigure() -> None:
    """Whatever a test has left on the engine, or an interrupt at the wrong moment."""
    if runs := sys.modules.get("ground.container_runs"):
        runs.remove_own()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test of the whole system tells what its processes said meanwhile."""
    report = yield
    if report.failed and BEGAN in item.stash:
        report.sections += failure.sections(item.nodeid, *item.stash[BEGAN])
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """A real Postgres for the whole run: own free port, own temporary folder."""
    with running_server() as server:
        yield server


@pytest.fixture
def service_database(postgres: TestServer) -> Iterator[Callable[..., str]]:
    """`service_database("payment")` is the URL for role `payment` in this test's own migrated database.

    A second call in the same test is the same database for another role ("postgres" is the superuser, "verify" reads
    everything); `service_database("payment", fresh=True)` makes one more.
    """
    with service_databases(postgres) as url:
        yield url


@pytest.fixture
def blank_database(postgres: TestServer) -> Iterator[str]:
    """The superuser's URL of an empty database of this test's own: no role, no schema."""
    name = postgres.create()
    yield postgres.url(database=name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def running_stack(pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The whole system of the run."""
    failure.forget_old()
    with pytestconfig.stash[RUNTIME].start() as running:
        yield running


@pytest.fixture
def stack(running_stack: Stack, request: pytest.FixtureRequest) -> Stack:
    """A whole system for the run, with ports and data of its own: see verify/ground/stack.py for what it offers."""
    needed = {ability for mark in request.node.iter_markers("needs") for ability in mark.args}
    assert needed <= ABILITIES, f"there is no ability {', '.join(needed - ABILITIES)}"
    if missing := sorted(needed - running_stack.abilities):
        pytest.skip(f"this stack has not: {', '.join(missing)}")
    if "processes" in running_stack.abilities:
        request.node.stash[BEGAN] = (running_stack, running_stack.log_ends())
    return running_stack
