"""Journals as earlier code wrote them: facts are for ever, and so is what they make."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from contracts.catalogue import journalled
from replay.fold import steps
from replay.journal import Row
from tests.support.recording import RECORDED, row, telling

FILES = sorted(RECORDED.glob("*.jsonl"))


def journals(file: Path) -> Iterator[list[Row]]:
    """Each recorded order's rows."""
    rows = [Row(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]
    return (list(group) for _, group in groupby(rows, lambda row: row.order_id))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_old_facts_make_the_old_documents(file: Path) -> None:
    """Byte for byte: clients have seen them, and the topic holds them."""
    assert [step.wrong for rows in journals(file) for step in steps(rows) if step.wrong] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recording_is_whole(file: Path) -> None:
    """From placed to settled, with nothing left out."""
    for rows in journals(file):
        assert [row.version for row in rows] == list(range(1, len(rows) + 1))


def test_todays_facts_are_recorded() -> None:
    """Who adds a fact that makes a version records it: `python -m tests.support.recording NAME`."""
    recorded = {one.type for file in FILES for rows in journals(file) for one in rows}
    walked = {row(version).type for versions in telling(2000) for version in versions}
    assert walked <= recorded <= journalled()
