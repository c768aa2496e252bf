"""The local runtime as the tests use it: a whole system, by itself."""

import json

import httpx
import psutil
import psycopg
import pytest

from local import supervise, topics, up
from local.errors import TopicsDifferError
from tests.support.stack import LocalStack

MENUS = "{ restaurants(first: 1) { edges { node { id } } } }"


def ask(stack: LocalStack, document: str) -> httpx.Response:
    """A GraphQL request of a customer."""
    headers = {"Authorization": f"Bearer {stack.token('you', 'customer')}"}
    return httpx.post(f"{stack.url}/graphql", json={"query": document}, headers=headers, timeout=10)


def test_edge_reaches_the_api(stack: LocalStack) -> None:
    """One origin: the seeded menus are there at its /graphql."""
    assert ask(stack, MENUS).json()["data"]["restaurants"]["edges"]


def test_edge_serves_graphiql_itself(stack: LocalStack) -> None:
    """GraphiQL and its scripts come from the edge; nothing is loaded from elsewhere."""
    page = httpx.get(f"{stack.url}/graphiql/").text
    scripts = [part.split('"')[1] for part in page.split("src=")[1:]]
    answers = [httpx.get(f"{stack.url}/graphiql/{script}").status_code for script in scripts]
    assert answers == [200] * 5


def test_verify_reads_and_cannot_write(stack: LocalStack) -> None:
    """The role for checks sees every service's tables, and changes none."""
    with psycopg.connect(stack.database_url("verify")) as connection:
        connection.execute("SELECT count(*) FROM payment.outbox")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM payment.outbox")


def test_killed_process_comes_back(stack: LocalStack) -> None:
    """The supervisor starts again what dies, and it gets ready by itself."""
    before = stack.control.running()["delivery"].state.pid
    stack.kill("delivery")
    stack.wait_ready("delivery")
    assert stack.control.running()["delivery"].state.pid not in (before, 0)


def test_settings_reach_the_services(stack: LocalStack) -> None:
    """A test can shorten the allowances; afterwards they are as before."""
    short = json.dumps({"payment_timeout": 5})
    with stack.settings(ALLOWANCES=short):
        assert stack.control.running()["api-http"].part.environment["ALLOWANCES"] == short
    assert "ALLOWANCES" not in stack.control.running()["api-http"].part.environment


def test_partitions_are_never_changed(stack: LocalStack) -> None:
    """A topic with another number of partitions is refused, with its name and both numbers."""
    with pytest.raises(TopicsDifferError, match="Topic ticks has 1 partitions; it must have 2"):
        topics.create(stack.kafka_bootstrap, {"ticks": {"partitions": 2}})


def test_killed_supervisor_leaves_nothing(stack: LocalStack) -> None:
    """Its processes run on; the next `up` sweeps them, starts anew, and the data is there."""
    supervisor = supervise.supervisor_process(stack.known)
    assert supervisor is not None
    orphans = supervisor.children(recursive=True)
    supervisor.kill()
    up.bring(stack.known)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in orphans)
    assert ask(stack, MENUS).json()["data"]["restaurants"]["edges"]
    assert up.bring(stack.known) == []
