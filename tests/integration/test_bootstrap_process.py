"""`python -m bootstrap` on a real Postgres and a real broker."""

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from bootstrap.database import located, prepare
from bootstrap.reconcile import catalogue
from chassis.errors import Fatal
from chassis.topics import partitions
from ground.ports import free_port
from ground.waiting import until
from tests.support.databases import ROOT, TestServer
from tests.support.worlds import running_broker

WORD = "test"  # of every role of the run's server
TOPICS = {name: topic["partitions"] for name, topic in catalogue().items()}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of a broker that the first test finds empty."""
    with running_broker() as process:
        yield process.bootstrap


@pytest.fixture
def database(postgres: TestServer) -> Iterator[str]:
    """The name of a database that does not exist yet."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    yield name
    postgres.drop(name)


def environment(postgres: TestServer, database: str, bootstrap: str) -> dict[str, str]:
    """All that it needs."""
    return {
        "PYTHONPATH": os.pathsep.join(str(ROOT / path) for path in ("chassis/src", "deploy")),
        "ADMIN_DATABASE_URL": postgres.url(),
        "DATABASE_NAME": database,
        "DB_PASSWORD": WORD,
        "KAFKA_BOOTSTRAP": bootstrap,
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(free_port()),
    }


def once(variables: Mapping[str, str], seconds: float = 60) -> tuple[int, list[str]]:
    """Exit code, and all that it said."""
    words = [sys.executable, "-m", "bootstrap", "once", "--seconds", str(seconds)]
    ended = subprocess.run(words, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    return ended.returncode, [*ended.stdout.splitlines(), *ended.stderr.splitlines()]


def test_once_makes_all_and_again_nothing(postgres: TestServer, database: str, broker: str) -> None:
    """A line for each migration and topic; then one that says that all is there. A service's role can work."""
    variables = environment(postgres, database, broker)
    code, said = once(variables)
    assert (code, "applied payment/0001_one_payment_an_order.sql" in said, "made topic ticks" in said) == (
        0,
        True,
        True,
    )
    assert TOPICS.items() <= partitions(broker).items()
    with psycopg.connect(postgres.url("payment", database)) as db:
        db.execute("SELECT FROM outbox")
    assert once(variables) == (0, ["everything is there: database, roles, tables and topics"])


def test_many_at_once_end_well(postgres: TestServer, database: str, broker: str) -> None:
    """Three that start together: each file is applied once, all end with 0."""
    variables = environment(postgres, database, broker)
    ended: list[tuple[int, list[str]]] = []
    threads = [threading.Thread(target=lambda: ended.append(once(variables))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    applied = [line for _, said in ended for line in said if line.startswith("applied")]
    assert ([code for code, _ in ended], len(applied)) == ([0, 0, 0], len(set(applied)))


def test_once_gives_up_with_the_reason(database: str, postgres: TestServer) -> None:
    """A server that is not there is waited for, said once, and named at the end; exit code 1."""
    nobody = f"postgresql://postgres:x@127.0.0.1:{free_port()}/postgres"
    variables = {**environment(postgres, database, "127.0.0.1:1"), "ADMIN_DATABASE_URL": nobody}
    code, said = once(variables, seconds=1.2)
    assert (code, len(said)) == (1, 2)
    assert said[0].startswith("waiting: postgres: connection failed")
    assert said[1].startswith("bootstrap: gave up after 1 s: postgres: connection failed")


def test_missing_variables_are_named(postgres: TestServer, tmp_path: Path) -> None:
    """A password that is nowhere is no default password."""
    variables = {**environment(postgres, "never", "127.0.0.1:1"), "DB_PASSWORD": "", "SECRETS": str(tmp_path)}
    code, said = once(variables)
    assert (code, "DB_PASSWORD_API" in said[-1], "DB_PASSWORD_VERIFY" in said[-1]) == (1, True, True)
    del variables["ADMIN_DATABASE_URL"], variables["KAFKA_BOOTSTRAP"]
    code, said = once(variables)
    assert (code, {line.split()[0] for line in said}) == (78, {"KAFKA_BOOTSTRAP", "ADMIN_DATABASE_URL"})


def test_passwords_may_be_files(postgres: TestServer, database: str, broker: str, tmp_path: Path) -> None:
    """As in a container: the environment holds no secret."""
    variables = environment(postgres, database, broker)
    for name in ("ADMIN_DATABASE_URL", "DB_PASSWORD"):
        (tmp_path / name).write_text(f"{variables.pop(name)}\n")
    assert once({**variables, "SECRETS": str(tmp_path)})[0] == 0


def test_watch_makes_again_what_was_lost(postgres: TestServer, database: str, broker: str) -> None:
    """Ready after the first success, and one process sees to it from then on; SIGTERM ends it at once."""
    variables = environment(postgres, database, broker)
    program = (
        "import bootstrap.watch, bootstrap.__main__; bootstrap.watch.PERIOD_SECONDS = 0.2; bootstrap.__main__.main()"
    )
    health = f"http://127.0.0.1:{variables['HEALTH_PORT']}/ready"
    words = [sys.executable, "-c", program, "watch"]
    with subprocess.Popen(words, env={**os.environ, **variables}, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: status(health) == 200, 30, "it is ready")
            postgres.drop(database)
            until(lambda: exists(postgres, database), 30, "the database is there again")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_watch_outlives_what_only_a_person_mends(postgres: TestServer, database: str) -> None:
    """Not there, or refused: it says why at /ready, and stays."""
    variables = environment(postgres, database, "127.0.0.1:1")
    health = f"http://127.0.0.1:{variables['HEALTH_PORT']}/ready"
    words = [sys.executable, "-m", "bootstrap", "watch"]
    with subprocess.Popen(words, env={**os.environ, **variables}, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: "kafka at 127.0.0.1:1: _TRANSPORT" in body(health), 30, "it says why")
            assert (status(health), process.poll()) == (503, None)
        finally:
            process.kill()


def test_located_keeps_the_server() -> None:
    """Host, port and parameters of the administrator's URL serve everybody; passwords are quoted."""
    admin = "postgresql://root:x@db.example:6432/postgres?sslmode=verify-full"
    made = located(admin, database="demae", role="api", password="a/b@c")
    assert made == "postgresql://api:a%2Fb%40c@db.example:6432/demae?sslmode=verify-full"
    assert located(admin, database="demae") == "postgresql://root:x@db.example:6432/demae?sslmode=verify-full"


def test_address_that_is_no_url_is_refused() -> None:
    """Its password would have to be guessed out of it."""
    with pytest.raises(Fatal, match="must look like postgresql://"):
        prepare("host=/tmp dbname=postgres", "demae", ROOT / "services", {"*": "x"})


def status(url: str) -> int:
    """0 while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def body(url: str) -> str:
    """What a refusal says."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
    except OSError:
        return ""


def exists(postgres: TestServer, database: str) -> bool:
    """Whether the server has it."""
    with psycopg.connect(postgres.url()) as db:
        return db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is not None
