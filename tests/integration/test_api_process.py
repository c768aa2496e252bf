"""`python -m api http` as a process of its own: starts, answers, ends when told."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ground.ownership import mark
from ground.ports import free_port
from ground.waiting import until
from tests.support.api_house import ANN, PLACE, SECRET, House, wish

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join(str(ROOT / part) for part in ("chassis/src", "services"))


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


def environment(**values: str) -> dict[str, str]:
    """Nothing of ours but what is given."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": PATHS, **mark(), **values}


@contextmanager
def started(url: str) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    """The process, its address and its health address; ended at the end, whatever happens."""
    port, health = str(free_port()), str(free_port())
    values = {"DATABASE_URL": url, "KAFKA_BOOTSTRAP": "127.0.0.1:1", "JWT_SECRET": SECRET}
    places = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": port, "HEALTH_HOST": "127.0.0.1", "HEALTH_PORT": health}
    process = subprocess.Popen([sys.executable, "-m", "api", "http"], env=environment(**values, **places))
    try:
        yield process, f"http://127.0.0.1:{port}/graphql", f"http://127.0.0.1:{health}"
    finally:
        process.kill()
        process.wait(10)


def status(url: str) -> int:
    """Of a GET; 0 when nobody answers."""
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0


def test_process_serves_until_told(house: House) -> None:
    """Ready, answering, measured; on SIGTERM it ends by itself, without an error."""
    with started(house.url) as (process, graphql, health):
        until(lambda: status(f"{health}/ready") == 200, seconds=30)
        headers = {"authorization": f"Bearer {ANN.token()}"}
        answer = httpx.post(graphql, json={"query": PLACE, "variables": {"input": wish()}}, headers=headers).json()
        assert answer["data"]["placeOrder"]["order"]["status"] == "PLACED"
        assert 'field="placeOrder",le="5.0",outcome="answered"} 1.0' in httpx.get(f"{health}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_without_database_not_ready() -> None:
    """It starts, lives, and says why it should get no work."""
    with started(f"postgresql://api:x@127.0.0.1:{free_port()}/demae") as (_, _, health):
        until(lambda: status(f"{health}/live") == 200, seconds=30)
        until(lambda: "database" in httpx.get(f"{health}/ready").text)
        assert status(f"{health}/ready") == 503


@pytest.mark.parametrize("process", ["http", "projector"])
def test_missing_settings_are_named(process: str) -> None:
    """Exit code 78, one line for each."""
    end = subprocess.run(
        [sys.executable, "-m", "api", process], env=environment(), capture_output=True, text=True, check=False
    )
    assert end.returncode == 78
    assert {"DATABASE_URL", "KAFKA_BOOTSTRAP"} <= {line.split()[0] for line in end.stderr.splitlines()}


def test_unknown_process_is_refused() -> None:
    """With the names of those there are."""
    end = subprocess.run([sys.executable, "-m", "api"], env=environment(), capture_output=True, text=True, check=False)
    assert (end.returncode, "http|projector" in end.stderr) == (1, True)
