"""`make status` with containers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from containers import look, probe, system
from containers.engine import Engine, Said
from runtime import layout


def row(name: str, status: str = "running", code: int = 0) -> dict[str, Any]:
    """A container in the engine's words."""
    state = {"Status": status, "Pid": 7, "StartedAt": "2026-01-02T03:04:05.1Z", "ExitCode": code}
    labels = {"com.docker.compose.service": name}
    return {"Id": name, "Image": "i", "RestartCount": 0, "State": state, "Config": {"Labels": labels}}


def known(tmp_path: Path, rows: Sequence[dict[str, Any]]) -> system.System:
    """A system of these containers."""

    def run(words: Sequence[str], *_: object) -> Said:
        if words[1] == "stats":
            return Said(
                0, "".join(json.dumps({"ID": r["Id"], "MemUsage": "41.5MiB / 256MiB"}) + "\n" for r in rows), ""
            )
        return Said(0, json.dumps(rows) if "inspect" in words else "x", "")

    where = layout.Layout(layout.ROOT, tmp_path / "state", tmp_path / "downloads", 0)
    where.make()
    return replace(system.load(where, {}, []), engine=Engine(run))


@pytest.fixture
def reasons(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What processes say; those that are not in it are ready."""
    said: dict[str, str] = {}
    monkeypatch.setattr(look, "why_not", lambda _known, _found, names: {name: said.get(name) for name in names})
    return said


def all_of_them(tmp_path: Path, **other: str) -> list[dict[str, Any]]:
    """A row for each process; `other` says of some in which state they are."""
    names = known(tmp_path, []).wanted()
    return [row(name, other.get(name.replace("-", "_"), "running")) for name in names]


def test_ready_system_is_code_0(tmp_path: Path, reasons: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, its memory, and the sum."""
    rows = all_of_them(tmp_path)
    assert look.status(known(tmp_path, rows)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("payment ") and line.endswith(" 42 MB  ready") for line in lines)
    assert lines[-1].endswith(f" {41.5 * len(rows):.0f} MB")


def test_reason_is_code_1(tmp_path: Path, reasons: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Why it is not ready stands in its line."""
    reasons["keeper"] = "no tick came out of the log yet"
    assert look.status(known(tmp_path, all_of_them(tmp_path))) == 1
    assert "no tick came out of the log yet" in capsys.readouterr().out


@pytest.mark.parametrize(("status", "code"), [("exited", 0), ("created", 1), ("restarting", 1)])
def test_stopped_by_a_person_is_no_fault(
    tmp_path: Path, reasons: dict[str, str], capsys: pytest.CaptureFixture[str], status: str, code: int
) -> None:
    """What never started, or starts again and again, is one."""
    reasons["payment"] = "any"
    assert look.status(known(tmp_path, all_of_them(tmp_path, payment=status))) == code


def test_nothing_is_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in the local runtime."""
    assert look.status(known(tmp_path, [])) == 3
    assert probe.reasons("no json") == ""


def test_foreground_reads_the_tree_as_its_owner(tmp_path: Path) -> None:
    """But a program with data of its own could not write it then."""
    here = known(tmp_path, [])
    by_person = {one.name: "--user" in look._source(here, one) for one in here.processes}
    assert by_person.pop("provider", False) is False
    assert all(by_person.values())


def test_second_foreground_leaves_the_first_alone(tmp_path: Path) -> None:
    """Its own end would stop the container of that name."""
    first = row("payment")
    first["Config"]["Labels"]["com.docker.compose.oneoff"] = "True"
    with pytest.raises(SystemExit, match="in the foreground already"):
        look.run(known(tmp_path, [row("postgres"), first]), "payment")
