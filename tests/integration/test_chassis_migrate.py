"""Migrations, roles and the publication on a real Postgres."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from chassis.errors import Fatal
from chassis.migrate import migrate

WORDS = {"*": "test"}


@pytest.fixture
def services(tmp_path: Path) -> Path:
    """Two services with a table each."""
    for name in ("alpha", "beta"):
        (tmp_path / name / "migrations").mkdir(parents=True)
        (tmp_path / name / "migrations" / "0001_first.sql").write_text("CREATE TABLE mine (n int);")
    return tmp_path


def as_role(url: str, role: str) -> str:
    """The same database for another role."""
    return f"postgresql://{role}:test@{url.split('@', 1)[1]}"


def test_second_run_applies_nothing(blank_database: str, services: Path) -> None:
    """What was applied is remembered; a new file alone is applied later."""
    assert "alpha/0001_first.sql" in migrate(blank_database, services, WORDS)
    assert migrate(blank_database, services, WORDS) == []
    (services / "alpha" / "migrations" / "0002_second.sql").write_text("CREATE TABLE more (n int);")
    assert migrate(blank_database, services, WORDS) == ["alpha/0002_second.sql"]


def test_changed_file_is_refused(blank_database: str, services: Path) -> None:
    """History is not rewritten."""
    migrate(blank_database, services, WORDS)
    (services / "alpha" / "migrations" / "0001_first.sql").write_text("CREATE TABLE other (n int);")
    with pytest.raises(Fatal, match=r"alpha/0001_first\.sql was applied and has changed"):
        migrate(blank_database, services, WORDS)


def test_failed_file_leaves_nothing(blank_database: str, services: Path) -> None:
    """A file is applied whole or not at all."""
    bad = services / "beta" / "migrations" / "0002_bad.sql"
    bad.write_text("CREATE TABLE half (n int); SELECT 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(blank_database, services, WORDS)
    bad.write_text("CREATE TABLE half (n int);")
    assert migrate(blank_database, services, WORDS) == ["beta/0002_bad.sql"]


def test_parallel_runs_take_turns(blank_database: str, services: Path) -> None:
    """Several processes may start at once."""
    applied: list[list[str]] = []
    runs = [threading.Thread(target=lambda: applied.append(migrate(blank_database, services, WORDS))) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(len(names) for names in applied)[:3] == [0, 0, 0]


@pytest.mark.parametrize("statement", ["SELECT * FROM beta.mine", "CREATE TABLE alpha.x ()", "DROP TABLE alpha.mine"])
def test_roles_reach_their_own_schema_only(blank_database: str, services: Path, statement: str) -> None:
    """The runtime role owns nothing and can touch no other schema."""
    migrate(blank_database, services, WORDS)
    with psycopg.connect(as_role(blank_database, "alpha")) as db:
        db.execute("INSERT INTO mine VALUES (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(statement.encode())


def test_plan_made_on_empty_table_uses_the_index(blank_database: str, services: Path) -> None:
    """A prepared statement that was planned before there were rows does not read them all later."""
    columns = ", ".join(f"column_{n} text" for n in range(20))  # few rows a page: a scan of the empty table looks cheap
    wide = f"CREATE TABLE wide (key text PRIMARY KEY, {columns});"
    (services / "alpha" / "migrations" / "0002_wide.sql").write_text(wide)
    migrate(blank_database, services, WORDS)
    asked = (
        "SELECT * FROM wide WHERE key = ANY (ARRAY(SELECT json_array_elements_text(%s::json))) ORDER BY key FOR UPDATE"
    )
    with psycopg.connect(as_role(blank_database, "alpha"), autocommit=True) as db:
        for _ in range(12):
            db.execute(asked, ['["a"]'])
        names = db.execute("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%wide%'").fetchall()
        plan = db.execute(f"EXPLAIN EXECUTE {names[0][0]}('[]')".encode()).fetchall()
    assert "Seq Scan" not in str(plan)


def test_verify_reads_everything(blank_database: str, services: Path) -> None:
    """The judge from outside reads all and writes nothing."""
    migrate(blank_database, services, WORDS)
    with psycopg.connect(as_role(blank_database, "verify")) as db:
        assert db.execute("SELECT count(*) FROM beta.mine").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("INSERT INTO beta.mine VALUES (1)")


def test_publication_holds_every_outbox(blank_database: str, services: Path) -> None:
    """A new service flows with no file edited."""
    migrate(blank_database, services, WORDS)
    (services / "gamma" / "migrations").mkdir(parents=True)
    (services / "gamma" / "migrations" / "0001_first.sql").write_text("CREATE TABLE mine (n int);")
    migrate(blank_database, services, WORDS)
    with psycopg.connect(blank_database) as db:
        rows = db.execute("SELECT schemaname, tablename FROM pg_publication_tables ORDER BY 1").fetchall()
    assert rows == [("alpha", "outbox"), ("beta", "outbox"), ("gamma", "outbox")]


def test_service_without_tables_has_a_role(blank_database: str, services: Path) -> None:
    """It keeps nothing, so it has no schema; others may grant it something."""
    (services / "reader").mkdir()
    (services / "reader" / "pyproject.toml").touch()
    (services / "beta" / "migrations" / "0002_grant.sql").write_text(
        "GRANT USAGE ON SCHEMA beta TO reader; GRANT SELECT ON mine TO reader;"
    )
    migrate(blank_database, services, WORDS)
    with psycopg.connect(as_role(blank_database, "reader")) as db:
        assert db.execute("SELECT count(*) FROM beta.mine").fetchone() == (0,)
        assert db.execute("SELECT to_regnamespace('reader')").fetchone() == (None,)


def test_missing_passwords_are_named(services: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No default password: each variable that is missing is named."""
    for name in ("DB_PASSWORD", "DB_PASSWORD_ALPHA", "DB_PASSWORD_BETA", "DB_PASSWORD_CDC", "DB_PASSWORD_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Fatal, match="DB_PASSWORD_ALPHA, DB_PASSWORD_BETA"):
        migrate("postgresql://unused", services)
