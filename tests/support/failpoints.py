"""The tables of failpoints in the tree, and where its code passes them."""

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from runtime.layout import ROOT

Tables = Mapping[str, Mapping[str, str]]


def tables() -> Tables:
    """Folder from the root → the table for the code in it."""
    own = sorted(path.parent.name for path in (ROOT / "services").glob("*/failpoints.py"))
    services = {f"services/{name}": points(f"{name}.failpoints") for name in own}
    return {"chassis/src/chassis": points("chassis.failpoints"), **services}


def points(module: str) -> Mapping[str, str]:
    """A module's table: name → what has happened there, and what has not."""
    found: Mapping[str, str] = importlib.import_module(module).POINTS
    return found


def every_point() -> list[str]:
    """The names of all tables."""
    return [name for table in tables().values() for name in table]


def passed(folder: Path) -> list[tuple[str, object]]:
    """(Place in the code, what it passes to `reach`) under the folder; not a literal: None."""
    return [
        (f"{file.relative_to(ROOT)}:{call.lineno}", call.args[0].value if literal(call) else None)  # type: ignore[attr-defined]
        for file in sorted(folder.rglob("*.py"))
        for call in calls(ast.parse(file.read_text()))
    ]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls of `reach`, by whatever path it was imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name == "reach":
                yield node


def literal(call: ast.Call) -> bool:
    """Whether it is passed one text, written there."""
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and not call.keywords
