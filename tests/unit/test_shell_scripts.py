"""Shell scripts are checked like all else: ShellCheck has nothing to say about any of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.layout import ROOT

PLACES = (ROOT / ".ci", ROOT / "deploy")
SHEBANG = re.compile(rb"#!(/usr)?/bin/(env )?(ba|da)?sh\b")


def scripts() -> list[Path]:
    """By their first line; those of the root, and of the places."""
    files = [
        *ROOT.iterdir(),
        *(path for place in PLACES for path in place.rglob("*") if "__pycache__" not in path.parts),
    ]
    return sorted(path for path in files if path.is_file() and SHEBANG.match(path.read_bytes()[:40]))


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_shellcheck_is_silent(script: Path) -> None:
    """Unquoted words, and what else bites on another machine."""
    program = Path(sys.executable).with_name("shellcheck")
    said = subprocess.run([program, script], capture_output=True, text=True, check=False)
    assert said.stdout + said.stderr == ""


def test_scripts_are_found() -> None:
    """The engine's, and the command's wrapper."""
    assert {ROOT / "deploy" / "offline" / "engine", ROOT / "demae"} <= set(scripts())
