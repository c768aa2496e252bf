"""The stack as the tests use it: what every runtime promises. That of `settings` is in test_journeys.py."""

import time

import httpx
import psycopg
import pytest

from ground.stack import Stack
from ground.waiting import until
from local import topics
from local.errors import TopicsDifferError

SERVICES = ("api-http", "api-projector", "delivery", "keeper", "notifier", "payment", "restaurant")
PROMPT_SECONDS = 8.0  # the least that a runtime gives them is 15
MENUS = "{ restaurants(first: 1) { edges { node { id } } } }"


def ask(stack: Stack, document: str) -> httpx.Response:
    """A GraphQL request of a customer."""
    headers = {"Authorization": f"Bearer {stack.token('you', 'customer')}"}
    return httpx.post(f"{stack.url}/graphql", json={"query": document}, headers=headers, timeout=10)


def test_edge_reaches_the_api(stack: Stack) -> None:
    """One origin: the seeded menus are there at its /graphql."""
    assert ask(stack, MENUS).json()["data"]["restaurants"]["edges"]


def test_edge_serves_graphiql_itself(stack: Stack) -> None:
    """GraphiQL and its scripts come from the edge; nothing is loaded from elsewhere."""
    page = httpx.get(f"{stack.url}/graphiql/").text
    scripts = [part.split('"')[1] for part in page.split("src=")[1:]]
    answers = [httpx.get(f"{stack.url}/graphiql/{script}").status_code for script in scripts]
    assert answers == [200] * 5


@pytest.mark.needs("database")
def test_verify_reads_and_cannot_write(stack: Stack) -> None:
    """The role for checks sees every service's tables, and changes none."""
    with psycopg.connect(stack.database_url("verify")) as connection:
        connection.execute("SELECT count(*) FROM payment.outbox")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM payment.outbox")


@pytest.mark.needs("roles")
def test_role_sees_its_own_schema(stack: Stack) -> None:
    """A service's role finds its own tables, and may not look into another's."""
    with psycopg.connect(stack.database_url("payment")) as connection:
        connection.execute("SELECT count(*) FROM outbox")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM api.journal")


@pytest.mark.needs("kill", "processes")
def test_killed_process_comes_back(stack: Stack) -> None:
    """The runtime starts again what dies, and it gets ready by itself."""
    before = stack.incarnation("delivery")
    stack.kill("delivery")
    stack.wait_ready("delivery")
    assert stack.incarnation("delivery") not in (before, "")


@pytest.mark.needs("pause", "processes")
def test_frozen_process_goes_on(stack: Stack) -> None:
    """A frozen process says nothing; the same one does when it may go on."""
    before = stack.incarnation("edge")
    stack.pause("edge")
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{stack.url}/graphiql/", timeout=1)
    stack.resume("edge")
    assert (ask(stack, MENUS).status_code, stack.incarnation("edge")) == (200, before)


@pytest.mark.needs("stop", "processes")
def test_stopped_process_stays_so(stack: Stack) -> None:
    """Nobody starts what was stopped, until it is asked for."""
    stack.stop("restaurant")
    stopped = stack.incarnation("restaurant")
    stack.start("restaurant")
    stack.wait_ready("restaurant")
    assert (stopped, stack.incarnation("restaurant") != "") == ("", True)


@pytest.mark.needs("stop", "processes")
def test_services_end_promptly(stack: Stack) -> None:
    """Told to end, a service does so by itself: nobody has to kill it when its time is over."""
    took = {}
    for name in SERVICES:
        begin = time.monotonic()
        stack.stop(name)
        took[name] = time.monotonic() - begin
        stack.start(name)
    stack.wait_ready()
    assert {name: seconds for name, seconds in took.items() if seconds > PROMPT_SECONDS} == {}


@pytest.mark.needs("processes")
def test_services_tell_their_metrics(stack: Stack) -> None:
    """What an operator's scraper would read."""
    assert "# HELP" in stack.metrics("payment")


@pytest.mark.needs("processes", "stop")
def test_logs_are_told_since_a_moment(stack: Stack) -> None:
    """What a process printed after it, and nothing that it printed before."""
    ends = stack.log_ends()
    stack.stop("payment")
    stack.start("payment")
    stack.wait_ready("payment")
    until(lambda: stack.logs("payment", ends["payment"]), what="lines of a new start")
    since, whole = stack.logs("payment", ends["payment"]), stack.logs("payment")
    assert whole.endswith(since) and len(since) < len(whole)


@pytest.mark.needs("brokers")
def test_partitions_are_never_changed(stack: Stack) -> None:
    """A topic with another number of partitions is refused, with its name and both numbers."""
    with pytest.raises(TopicsDifferError, match="Topic ticks has 1 partitions; it must have 2"):
        topics.create(stack.kafka_bootstrap, {"ticks": {"partitions": 2}})
