"""`make drawing`: makes what docs/order.md shows of the rules anew. A test refuses a page that tells otherwise."""

from collections.abc import Callable, Mapping
from pathlib import Path

from drawing import journeys, machine
from runtime.layout import ROOT

PAGE = ROOT / "docs" / "order.md"
PARTS: Mapping[str, Callable[[], str]] = {
    "statuses": machine.statuses,
    "payments": machine.payments,
    "waits": machine.waits,
    "journeys": journeys.table,
}
MARKED = "<!-- {name}: make drawing -->\n", "\n<!-- end of {name} -->"


def fresh(text: str) -> str:
    """The page with every part as the rules have it now. Raises ValueError when a part has no place in it."""
    for name, draw in PARTS.items():
        begin, end = (mark.format(name=name) for mark in MARKED)
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}{draw()}{end}{after}"
    return text


def main(page: Path = PAGE) -> None:
    """Writes the page in place."""
    page.write_text(fresh(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
