"""A server that is not ours: one script of its administrator, who is no superuser, and then bootstrap."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from bootstrap.database import complete, located, prepare
from chassis.database import Database
from keeper import store
from local import postgres as binaries
from tests.support.databases import ROOT, TestServer, running_server
from tests.support.parts import own_parts

SERVICES = ROOT / "services"
SCRIPT = ROOT / "deploy" / "bring-your-own" / "postgres.sql"
WORDS = {"*": "test"}
MADE = "SELECT rolname, rolsuper, rolcreaterole, rolreplication FROM pg_roles WHERE rolname IN ('demae_admin', 'cdc')"
CHANGES = """
SELECT count(*) FROM pg_logical_slot_peek_binary_changes(
  'demae', NULL, NULL, 'proto_version', '1', 'publication_names', 'demae')
"""


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    """A server of one's own: its roles and its slot are the tests'."""
    with running_server() as running:
        let_to_landlord(running)
        yield running


def let_to_landlord(server: TestServer) -> None:
    """What a provider gives its customer: much, but not all."""
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE landlord LOGIN CREATEROLE CREATEDB REPLICATION PASSWORD 'test'")
        superuser.execute("CREATE ROLE may_replicate")
        superuser.execute("GRANT may_replicate TO landlord WITH ADMIN OPTION")


def run(server: TestServer, *words: str) -> str:
    """The script, as the landlord; -> what it said against it."""
    psql = [str(binaries.binaries() / "psql"), "-X", "-q", server.url("landlord"), *words, "-f", str(SCRIPT)]
    ended = subprocess.run(psql, capture_output=True, text=True, check=False)
    assert (ended.returncode == 0) == (not ended.stderr), ended.stderr
    return ended.stderr


@pytest.fixture(scope="module")
def admin(server: TestServer) -> str:
    """The URL for bootstrap, after the script ran, twice."""
    assert run(server, "-v", "password=first") == ""
    assert run(server, "-v", "password=own") == ""
    prepare(own(server), "demae", SERVICES, WORDS)
    return own(server)


def own(server: TestServer, database: str = "demae") -> str:
    """As the administrator that the script makes."""
    return located(server.url(), database=database, role="demae_admin", password="own")


def test_administrator_has_no_more_than_it_needs(server: TestServer, admin: str) -> None:
    """It makes roles; it neither rules the server nor reads its log."""
    with psycopg.connect(server.url()) as superuser:
        rows = {row[0]: row[1:] for row in superuser.execute(MADE).fetchall()}
    assert rows == {"demae_admin": (False, True, False), "cdc": (False, False, True)}


def test_bootstrap_needs_no_superuser(admin: str) -> None:
    """Roles, schemas, migrations, publication: all there after the first run, and the second changes nothing."""
    assert prepare(admin, "demae", SERVICES, WORDS) == []
    assert complete(admin, "demae", SERVICES)


def test_services_can_work(server: TestServer, admin: str) -> None:
    """By their own roles, with what those may do on any server."""
    with psycopg.connect(server.url("api", "demae")) as db:
        assert db.execute("SELECT count(*) FROM journal").fetchone() == (0,)
    with psycopg.connect(server.url("verify", "demae")) as db:
        assert db.execute("SELECT count(*) FROM payment.payment").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("DELETE FROM payment.payment")


def test_changes_can_be_captured(server: TestServer, admin: str) -> None:
    """What the connector does: a slot by its own role, the publication's rows out of it, the tables for a repair."""
    with psycopg.connect(server.url("cdc", "demae"), autocommit=True) as db:
        db.execute("SELECT pg_create_logical_replication_slot('demae', 'pgoutput')")
        keeper = Database(server.url("keeper", "demae"), "test", size=1)
        with keeper.transaction() as tx:
            store.write_tick(tx, 1)
            found = store.slot(tx)
            assert found is not None
            assert found.wal_status == "reserved"
        keeper.close()
        row = db.execute(CHANGES).fetchone()
        assert row is not None
        assert row[0] > 0
        assert db.execute("SELECT count(*) FROM keeper.outbox").fetchone() == (1,)
        db.execute("SELECT pg_drop_replication_slot('demae')")


def test_keeper_may_drop_a_lost_slot(server: TestServer, admin: str) -> None:
    """The call that repairs one, by the connector's role; there is none now."""
    assert store.drop_dead_slot(server.url("keeper", "demae"), "cdc", "test") is False


def test_right_to_replicate_may_be_a_role(server: TestServer, admin: str) -> None:
    """Where it is no attribute, the script hands on the role that has it."""
    assert run(server, "-v", "password=own", "-v", "replication=may_replicate", "-v", "database=another") == ""
    with psycopg.connect(server.url()) as superuser:
        assert superuser.execute("SELECT pg_has_role('cdc', 'may_replicate', 'USAGE')").fetchone() == (True,)
    assert "api/0001_order_aggregate.sql" in prepare(own(server, "another"), "another", SERVICES, WORDS)


def test_forgotten_password_is_asked_for(server: TestServer) -> None:
    """Before anything is made."""
    assert "give the new role its password" in run(server)


def test_server_that_keeps_no_changes_is_refused() -> None:
    """wal_level cannot be set by the script: the server must be started with it."""
    with own_parts(wal_level="replica") as parts:
        parts.start("postgres")
        server = TestServer(parts)
        let_to_landlord(server)
        assert "wal_level is replica: it must be logical" in run(server, "-v", "password=own")
