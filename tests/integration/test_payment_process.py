"""`python -m payment` as a process: its settings, its health, its orderly end, and work without a broker."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ground.ports import free_port
from ground.waiting import until
from tests.support.payment_provider import KEY, ROOT, running_provider

PATHS = os.pathsep.join(str(ROOT / path) for path in ("chassis/src", "services"))
COMMAND = [sys.executable, "-m", "payment"]

DUE = """
INSERT INTO payment (order_id, wanted, card, amount, currency, due_at)
VALUES ('o1', 1, 'pm_card_visa', 1250, 'EUR', now())
"""


@contextmanager
def running(url: str, provider_url: str, health_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The service with a database and a provider, and nobody at the broker's address."""
    environment = os.environ | {
        "PYTHONPATH": PATHS,
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "PROVIDER_URL": provider_url,
        "PROVIDER_KEY": KEY,
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(health_port),
    }
    process = subprocess.Popen(COMMAND, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def status(url: str) -> int:
    """The status of an answer, 0 without one."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def test_missing_settings_are_named_at_once() -> None:
    """Every variable that is not there, in one go, and exit code 78."""
    environment = {"PYTHONPATH": PATHS, "PATH": os.environ["PATH"], "PROVIDER_TIMEOUT": "60"}
    ended = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=30, check=False)
    named = {line.split()[0] for line in ended.stderr.splitlines()}
    missing = {"DATABASE_URL", "KAFKA_BOOTSTRAP", "PROVIDER_URL", "PROVIDER_KEY", "PROVIDER_TIMEOUT"}
    assert (ended.returncode, named) == (78, missing)


def test_due_rows_are_worked_on_without_a_broker(service_database: Callable[..., str], tmp_path: Path) -> None:
    """A broker's outage delays what is read, not what was read: the row is paid. Alive, not ready, ends on SIGTERM."""
    url, port = service_database("payment"), free_port()
    with running_provider(tmp_path / "log") as provider, running(url, provider.url, port) as process:
        with psycopg.connect(url) as db:
            db.execute(DUE)
        until(lambda: provider.log.exists() and provider.lines("payment_intent.succeeded"), seconds=20)
        answers = [status(f"http://127.0.0.1:{port}/{path}") for path in ("live", "ready", "metrics")]
        process.send_signal(signal.SIGTERM)
        assert (answers, process.wait(15)) == ([200, 503, 200], 0)
    with psycopg.connect(url) as db:
        assert db.execute("SELECT type FROM outbox").fetchall() == [("payment_completed",)]
