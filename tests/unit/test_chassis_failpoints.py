"""Failpoints: nothing without a test's wish, one death for each wish, and a table that tells every one of them."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest

from chassis import failpoints
from chassis.failpoints import Armed, chosen, off, reach
from runtime.layout import ROOT
from tests.support.failpoints import every_point, passed, tables

PROGRAM = "from chassis.failpoints import reach\nfor _ in range(3):\n    reach('batch.after_commit')\nprint('alive')\n"


@pytest.mark.parametrize("folder", tables())
def test_table_and_code_agree(folder: str) -> None:
    """Each place in the code is named by its tree's table, and each name is passed somewhere."""
    found = passed(ROOT / folder)
    assert [place for place, name in found if name not in tables()[folder]] == []
    assert {name for _, name in found} == set(tables()[folder])


def test_no_code_without_table() -> None:
    """A place in a tree that has no table would never be tried."""
    folders = [path for top in ("services/*", "demo/*", "client/*", "cli") for path in ROOT.glob(top) if path.is_dir()]
    without = [folder for folder in folders if folder.relative_to(ROOT).as_posix() not in tables()]
    assert [place for folder in without for place, _ in passed(folder)] == []


def test_names_are_told_apart() -> None:
    """A name means one table; a service's begin with its own."""
    assert [name for name, count in Counter(every_point()).items() if count > 1] == []
    own = {folder.removeprefix("services/"): table for folder, table in tables().items() if "services/" in folder}
    assert [name for service, table in own.items() for name in table if not name.startswith(f"{service}.")] == []


def test_builds_for_people_have_none() -> None:
    """Without the variable, or without what only test builds have, it is a function that does nothing."""
    assert reach is off
    assert chosen({}) is chosen({"FAILPOINTS": ""}) is off
    with mock.patch.object(importlib.util, "find_spec", return_value=None):
        assert chosen({"FAILPOINTS": "/tmp/somewhere"}) is off
    assert isinstance(chosen({"FAILPOINTS": "/tmp/somewhere"}), Armed)


def test_armed_point_fires_once(tmp_path: Path) -> None:
    """After as many passes as were let by, once; another point does not count."""
    die = mock.Mock()
    armed = Armed(tmp_path, die)
    armed("here")
    (tmp_path / "here").write_text("2")
    for _ in range(2):
        armed("here")
        armed("there")
    assert not die.called
    for _ in range(3):
        armed("here")
    die.assert_called_once()
    assert [path.name for path in tmp_path.iterdir()] == [f"here.fired.{os.getpid()}"]


def test_point_of_one_process(tmp_path: Path) -> None:
    """Armed for a process by name, it fires in no other one."""
    die = mock.Mock()
    armed = Armed(tmp_path, die)
    (tmp_path / "here@api-projector").touch()
    with mock.patch.object(failpoints, "process", "payment"):
        armed("here")
    assert not die.called
    with mock.patch.object(failpoints, "process", "api-projector"):
        armed("here")
    die.assert_called_once()


def test_process_dies_by_signal(tmp_path: Path) -> None:
    """The whole of it, in a process of its own: killed at the armed place, alive the next time."""
    (tmp_path / "batch.after_commit").touch()
    environment = {**os.environ, "FAILPOINTS": str(tmp_path), "PYTHONPATH": str(ROOT / "chassis/src")}
    command = [sys.executable, "-c", PROGRAM]
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, "")
    assert (second.returncode, second.stdout) == (0, "alive\n")
