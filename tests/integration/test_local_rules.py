"""The import rules: found for every service, and not blind."""

from pathlib import Path

import pytest

from local import imports
from runtime.layout import SOURCES


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout in miniature, with two clean services."""
    for part in SOURCES:
        (tmp_path / part).mkdir(parents=True, exist_ok=True)
    write(tmp_path, "chassis/src/chassis/__init__.py", "")
    write(tmp_path, "cli/__init__.py", "")
    write(tmp_path, "client/python/src/demae_client/__init__.py", "")
    write(tmp_path, "demo/provider/__init__.py", "")
    write(tmp_path, "verify/bench/__init__.py", "")
    for name in ("loyalty", "payment"):
        write(tmp_path, f"services/{name}/domain.py", f"import dataclasses\nfrom {name} import events\n")
        write(tmp_path, f"services/{name}/events.py", "import enum\n")
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    """One file."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_clean_tree_passes(tree: Path) -> None:
    """Services in folders of their own, chassis beneath."""
    assert imports.lint(tree) == 0


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("chassis/src/chassis/clever.py", "import payment.domain\n"),
        ("services/loyalty/handlers.py", "from payment import events\n"),
        ("services/loyalty/handlers.py", "import provider\n"),
        ("services/loyalty/domain.py", "import psycopg\n"),
        ("services/loyalty/events.py", "import msgspec\n"),
    ],
    ids=["chassis-service", "service-service", "service-demo", "domain-library", "domain-by-events"],
)
def test_broken_rule_fails(tree: Path, path: str, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each rule is broken once, and found."""
    write(tree, path, text)
    assert imports.lint(tree) == 1
    assert "BROKEN" in capfd.readouterr().out
