"""`make recording NAME=…`: journals as today's code writes them, for tomorrow's to fold.

Orders are walked until every fact was recorded at every place of an order's life where it makes a version. The file
verify/replay/recorded/NAME.jsonl holds one row of the journal a line; it is made once, and never again.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from api.codec import text
from api.events import TYPES
from replay.journal import Row
from tests.support.databases import ROOT
from tests.support.many_orders import BEGIN, Version, journey

RECORDED = ROOT / "verify" / "replay" / "recorded"
WALKS = 20_000  # more find hardly anything new

Place = tuple[str, str, str, str]


def row(version: Version) -> Row:
    """As the journal would hold it."""
    order = version.order
    return Row(order.id, order.version, TYPES[type(version.fact)], version.at, text(version.fact), text(order))


def telling(walks: int = WALKS) -> Iterator[list[Version]]:
    """Journeys that each go where none before them went."""
    been: set[Place] = set()
    for seed in range(walks):
        order_id = f"0199d2a0-0000-7000-8000-{seed:012x}"
        versions = list(journey(order_id, BEGIN, random.Random(seed)))
        if new := set(_places(versions)) - been:
            been |= new
            yield versions


def _places(versions: list[Version]) -> Iterator[Place]:
    status, paid = "", ""
    for version in versions:
        ended = version.order.cancellation
        yield status, paid, TYPES[type(version.fact)], ended.reason if ended else ""
        status, paid = version.order.status, version.order.payment.status


def write(name: str) -> Path:
    """Raises FileExistsError: what was recorded stays."""
    file = RECORDED / f"{name}.jsonl"
    with file.open("x", encoding="utf-8") as lines:
        for versions in telling():
            lines.writelines(text(row(version)._asdict()) + "\n" for version in versions)
    return file


if __name__ == "__main__":
    write(sys.argv[1])
