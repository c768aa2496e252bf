"""What `make new-service` writes is a service like the others; what it refuses leaves nothing."""

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from runtime import discovery
from scaffold import names, template
from tests.support.checkout import Checkout
from tests.support.contracts import EVENTS
from tests.support.databases import ROOT, TestServer

MARK = "written by make new-service"


def compose(text: str) -> dict[str, Any]:
    """The services of a compose file, anchors resolved."""
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_generated_service_passes(checkout: Checkout) -> None:
    """Linters, strict types and import rules of the whole tree; its tests, and every contract with it."""
    told = checkout.sh("make new-service NAME=zebra")
    checkout.sh("make check")
    tests = "tests/contract tests/unit/test_zebra_domain.py tests/integration/test_zebra_service.py"
    assert " passed" in checkout.sh(f".venv/bin/python -m pytest -q {tests}")
    undo = told.partition("Undo")[2].splitlines()[1:]
    checkout.sh("\n".join(undo))
    assert checkout.changes() == []


def test_shared_lines_are_few_and_marked(checkout: Checkout) -> None:
    """At most ten lines for compose, ten for Kubernetes; marked, but in the list of images, which is rendered."""
    checkout.sh("make new-service NAME=loyalty && git add -AN .")
    assert added(checkout, "deploy/compose.yaml") <= 10
    assert added(checkout, "deploy/k8s") <= 10
    assert added(checkout, "contracts/catalogue.json") == 1
    assert len(checkout.sh(f"git grep -l '{MARK}' -- deploy/compose.yaml deploy/k8s").splitlines()) == 2


def added(checkout: Checkout, path: str) -> int:
    """Lines that were added in a file or under a folder."""
    counts = checkout.sh(f"git diff --numstat -- {path}").splitlines()
    return sum(int(line.split()[0]) for line in counts)


def test_lines_are_those_of_the_others(checkout: Checkout) -> None:
    """In compose and in Kubernetes it is what every service is that needs no more than database and log."""
    checkout.sh("make new-service NAME=loyalty")
    found = compose((checkout.root / "deploy" / "compose.yaml").read_text())
    plain = [p.name for p in discovery.processes(checkout.root) if p.service and not p.needs and p.name == p.module]
    alike = [name for name in plain if renamed(found[name], name) == found["loyalty"]]
    assert {"loyalty", "delivery"} <= set(alike)
    base = checkout.root / "deploy" / "k8s" / "base"
    for file in ("kustomization.yaml", "{}.yaml"):
        theirs = (base / "delivery" / file.format("delivery")).read_text().replace("delivery", "loyalty")
        assert (base / "loyalty" / file.format("loyalty")).read_text() == theirs


def renamed(value: Any, name: str) -> Any:
    """A service's part of the compose file under the name of the new one."""
    return yaml.safe_load(yaml.safe_dump(value).replace(name, "loyalty"))


def test_template_reads_what_it_says() -> None:
    """The events whose consumers are extended are those in the template's events.py."""
    text = (template.FOLDER / "services" / template.PLACEHOLDER / "events.py").read_text()
    assert [name for name in EVENTS if f'"{name}"' in text] == list(template.READS)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "needs a name"),
        ("Loyalty", "lower-case"),
        ("loyalty-points", "lower-case"),
        ("loyalty_points", "lower-case"),
        ("2points", "lower-case"),
        ("l" * 32, "at most 31"),
        ("loyalty/../../x", "lower-case"),
        ("payment", "is there already"),
        ("migrator", "a role"),
        ("verify", "a role"),
        ("user", "reserved word of SQL"),
        ("import", "Python has"),
        ("json", "Python has"),
        ("psycopg", "Python has"),
        ("chassis", "Python has"),
        ("provider", "Python has"),
        ("kafka", "a process"),
    ],
)
def test_bad_name_is_refused(name: str, why: str) -> None:
    """One line that says why."""
    said = names.refusal(ROOT, name)
    assert said is not None
    assert why in said
    assert "\n" not in said


def test_refusal_writes_nothing(checkout: Checkout) -> None:
    """The command fails with that line, and git sees no change."""
    done = checkout.run("make", "new-service", "NAME=payment")
    assert done.returncode != 0
    assert done.stdout.startswith("services/payment is there already")
    assert checkout.changes() == []


def test_name_comes_from_the_command_only(checkout: Checkout) -> None:
    """Some systems have a variable NAME of their own."""
    checkout.settings["NAME"] = "desktop"
    assert "needs a name" in checkout.run("make", "new-service").stdout
    assert checkout.changes() == []


def test_failure_leaves_nothing_half(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something in the way at the last step: all is as it was."""
    (checkout.root / "contracts" / "catalogue.py").write_text("raise SystemExit('no')\n")
    before = checkout.changes()
    done = checkout.run("make", "new-service", "NAME=loyalty")
    assert (done.returncode != 0, "contracts.catalogue failed" in done.stdout) == (True, True)
    assert checkout.changes() == before


def test_release_waits_for_a_kubectl(checkout: Checkout, tmp_path: Path) -> None:
    """Without one that works the service is made all the same, and the command says what is left to do."""
    (tmp_path / "kubectl").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "kubectl").chmod(0o755)
    checkout.settings["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    assert "make k8s-release renders it" in checkout.sh("make new-service NAME=loyalty")
    assert not any("deploy/release" in change for change in checkout.changes())


def test_test_in_the_way_is_refused(checkout: Checkout) -> None:
    """A file that is there is never overwritten."""
    there = checkout.root / "tests" / "unit" / "test_loyalty_domain.py"
    there.write_text("# mine\n")
    assert (
        "tests/unit/test_loyalty_domain.py is there already"
        in checkout.run("make", "new-service", "NAME=loyalty").stdout
    )
    assert (there.read_text(), len(checkout.changes())) == ("# mine\n", 1)


def test_reserved_words_are_postgres_s(postgres: TestServer) -> None:
    """The list is the server's own, as far as its words could be names."""
    with psycopg.connect(postgres.url()) as db:
        rows = db.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')").fetchall()
    assert {word for (word,) in rows if names.PATTERN.fullmatch(word)} <= set(names.WORDS.split())


def test_help_says_what_it_does(checkout: Checkout) -> None:
    """Without writing anything."""
    assert "Write a new service" in checkout.sh("make new-service NAME=--help")
    assert checkout.changes() == []
