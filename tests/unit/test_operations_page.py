"""docs/operations.md names the alarms as they are."""

import re

import yaml

from cli import health
from tests.support.databases import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
RULES = ROOT / "deploy" / "k8s" / "components" / "monitoring"
NAMED = re.compile(r"`(Demae\w+)`: `([^`]+)`(?: for (\d+) minutes?)?")
RUNBOOKS = ("Parked events", "Lag", "A stuck consumer", "Tick age", "Slot bytes", "Oldest due deadline")


def rules() -> dict[str, tuple[str, str]]:
    """Alarm → its expression and how long it must hold."""
    files = (yaml.safe_load(file.read_text()) for file in sorted(RULES.glob("*.yaml")))
    groups = [group for file in files if file["kind"] == "PrometheusRule" for group in file["spec"]["groups"]]
    return {rule["alert"]: (rule["expr"], rule.get("for", "")) for group in groups for rule in group["rules"]}


def test_expressions_are_the_rules() -> None:
    """Whoever copies one at night gets what fired."""
    named = {
        alarm: (expression, f"{minutes}m" if minutes else "") for alarm, expression, minutes in NAMED.findall(PAGE)
    }
    assert named == {alarm: rules()[alarm] for alarm in named}


def test_each_runbook_begins_with_its_alarm() -> None:
    """Six of them, each with what to look at, what it may be, what to do and what not."""
    for title in RUNBOOKS:
        _, text = PAGE.split(f"\n## {title}\n")
        book = text.split("\n## ")[0]
        assert NAMED.match(book)
        for word in ("**First look**", "**Likely causes**", "**Do**", "**Do not**"):
            assert word in book


def test_budget_is_what_an_order_writes() -> None:
    """58 KiB an order, and half as much again."""
    for line in re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE):
        rate = int(line[0])
        for minutes, cell in zip((30, 120, 480), line[1].split(" | "), strict=True):
            wanted = rate * minutes * 60 * 58 * 1024 * 1.5 / 1e9
            assert abs(float(cell.removesuffix(" GB")) - wanted) / wanted < 0.1


def test_doctor_looks_where_the_alarms_look() -> None:
    """At the gauge of each runbook; where it is not stricter, by the alarm's own limit."""
    alarms = " ".join(expression for expression, _ in rules().values())
    for gauge, limit in (("slot_bytes_behind", health.SLOT_LIMIT), ("api_oldest_due_ticks", health.DUE_LIMIT)):
        assert float(re.findall(rf"{gauge}\) > (\S+)", alarms)[0]) == limit
    assert f'{{slot_wal_status=~"{"|".join(health.SLOT_TROUBLE)}"}}' in alarms
    for gauge, stricter in (("consumer_lag", health.LAG_LIMIT), ("tick_age_seconds", health.TICK_LIMIT)):
        assert float(re.findall(rf"{gauge}\) > ([1-9]\d*)", alarms)[0]) >= stricter
