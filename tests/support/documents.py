"""A document's commands, followed word by word.

In a page a block ```sh is run, each of its lines must succeed. ```sh look``` only looks: it is run again until what it
prints holds the lines of the ```text``` block behind it. ```sh kubectl``` is run where there is one. Blocks of any
other kind are for the reader.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ground.waiting import until
from tests.support.checkout import Checkout

BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (\d+)\.", re.MULTILINE)
LOOK_SECONDS = 60.0


@dataclass(frozen=True)
class Step:
    """Commands to run, and lines to wait for in what they print."""

    section: str
    line: int
    script: str
    expected: tuple[str, ...] = ()


def steps(page: str) -> Iterator[Step]:
    """Everything that the page tells to run."""
    found = list(BLOCK.finditer(page))
    for block, following in zip(found, [*found[1:], None], strict=True):
        before = page[: block.start()]
        section, line = ["", *SECTION.findall(before)][-1], before.count("\n") + 1
        if block[1] == "sh" or (block[1] == "sh kubectl" and shutil.which("kubectl")):
            yield Step(section, line, block[2])
        elif block[1] == "sh look":
            assert following is not None and following[1] == "text", f"line {line}: what should be seen?"
            yield Step(section, line, block[2], tuple(map(_squeezed, following[2].splitlines())))


def follow(checkout: Checkout, path: Path, *sections: str) -> None:
    """Runs the page's steps in the checkout, all or those of sections such as "1". AssertionError if one fails."""
    for step in steps(path.read_text()):
        if sections and step.section not in sections:
            continue
        _take(checkout, step, f"{path.name}, line {step.line}")


def _take(checkout: Checkout, step: Step, place: str) -> None:
    sys.stdout.write(f"── {place}\n{step.script}")
    if step.expected:
        until(lambda: _seen(checkout, step), LOOK_SECONDS, f"{place}: {step.expected}")
    else:
        sys.stdout.write(checkout.sh(step.script))


def _seen(checkout: Checkout, step: Step) -> bool:
    said = _squeezed(checkout.sh(step.script))
    return all(line in said for line in step.expected)


def _squeezed(text: str) -> str:
    return " ".join(text.split())
