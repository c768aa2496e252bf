"""What a failed test of the whole system says of its processes."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ground import failure
from ground.stack_url import UrlStack


class Talking(UrlStack):
    """Two processes with a log, and one whose log nobody can read."""

    def processes(self) -> list[str]:
        return ["api-http", "payment", "kafka"]

    def logs(self, process: str, since: float = 0.0) -> str:
        if process == "kafka":
            raise OSError("no engine")
        return "".join(f"{process} line {n}\n" for n in range(100))[int(since) :]


def told(folder: Path, ends: Mapping[str, float]) -> dict[str, str]:
    """The sections by heading."""
    return dict(failure.sections("tests/e2e/test_x.py::test_y[a/b]", Talking({}), ends, folder))


def test_last_lines_are_told(tmp_path: Path) -> None:
    """Of each process that said something since the test began, no more than a screen of lines."""
    whole = len(Talking({}).logs("payment"))
    sections = told(tmp_path, {"payment": whole, "api-http": 0.0})
    heading = "log of {} since the test began"
    assert sections[heading.format("api-http")].splitlines()[-1] == "api-http line 99"
    assert len(sections[heading.format("api-http")].splitlines()) == failure.LINES
    assert heading.format("payment") not in sections


def test_whole_logs_are_kept(tmp_path: Path) -> None:
    """In a folder of the run and the test, which the report names."""
    place = Path(told(tmp_path, {})["whole logs"])
    assert (place.parent.parent, place.name) == (tmp_path, "tests_e2e_test_x.py_test_y_a_b_")
    assert (place / "payment.log").read_text().count("\n") == 100


def test_unreadable_log_is_said(tmp_path: Path) -> None:
    """A failure is told also when the engine is what failed."""
    assert "no engine" in told(tmp_path, {})["log of kafka since the test began"]


def test_old_runs_are_forgotten(tmp_path: Path) -> None:
    """The youngest stay."""
    for n in range(failure.KEPT + 3):
        (tmp_path / f"20260101-0000{n:02}-1-1").mkdir()
    failure.forget_old(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert (len(left), left[0]) == (failure.KEPT, "20260101-000003-1-1")


def test_failed_test_reports_the_logs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections of the report, by the hook of tests/conftest.py; a test that passes has none."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest(
        """
        from tests.conftest import *
        from tests.unit.test_stack_failure import Talking

        @pytest.fixture(scope="session")
        def running_stack():
            class Stack(Talking):
                abilities = frozenset({"processes"})
                def log_ends(self):
                    return {"payment": 0.0}
            return Stack({})
        """
    )
    pytester.makepyfile("def test_bad(stack):\n    assert False\ndef test_good(stack): ...")
    monkeypatch.setattr(failure, "FOLDER", pytester.path / "failed")
    monkeypatch.setenv("RUNTIME", "local")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*whole logs*", "*test_bad*", "*log of payment since the test began*", "payment line 99"]
    )
    assert len(list((pytester.path / "failed").glob("*/*/payment.log"))) == 1
