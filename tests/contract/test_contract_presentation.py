"""The sentences and the table of actions: nothing is missing, and both services that show orders read them alike."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api import domain, settings, shapes
from api.codec import order_of, text
from api.events import TYPES, Reason
from api.order import Order, Paid, Status
from api.presentation import Entry, Presentation, Texts
from api.principal import Role
from contracts.catalogue import ROOT, journalled
from notifier import domain as notifier_domain
from notifier import presentation as notifier_presentation
from notifier import settings as notifier_settings
from notifier.story import Story
from notifier.versions import read
from tests.contract.test_contract_sdl import values
from tests.support.contracts import DOCUMENTS
from tests.support.order_states import histories

WORDS: dict[str, Any] = json.loads((ROOT / "presentation.json").read_text("utf-8"))
PRESENTATION = Presentation.load(settings.PRESENTATION, domain.ALLOWANCES)
NOTIFIER = notifier_presentation.load(settings.PRESENTATION, notifier_settings.ALLOWANCES)
BEGIN = datetime(2026, 11, 24, 12, 0, 0, 457333, tzinfo=UTC)
SAMPLES = DOCUMENTS["order"].samples(1)


def named(table: str) -> set[str]:
    """The rows of a table, without the one for everything else."""
    return set(WORDS[table]) - {"*"}


def test_statuses_have_sentences() -> None:
    """Every status, and no other."""
    assert named("orders") == set(values("OrderStatus"))


def test_facts_have_sentences() -> None:
    """Every event that makes a version, and no other."""
    assert named("timeline") == journalled()


def test_reasons_have_words() -> None:
    """Every cancellation, and no other."""
    assert named("cancellations") == set(values("CancellationReason"))


def test_actions_are_the_sdl_s() -> None:
    """Every one has its row, for a role and for statuses that there are."""
    assert [row["name"] for row in WORDS["actions"]] == values("ActionName")
    assert {row["role"] for row in WORDS["actions"]} == {*Role}
    assert {status for row in WORDS["actions"] for status in row["statuses"]} <= {*Status}
    assert {paid for row in WORDS["actions"] for paid in row.get("payments", ())} | named("money") <= {*Paid}


def test_every_row_has_a_rest() -> None:
    """What a later system says is shown, not an error."""
    rows = [row for table in ("orders", "timeline") for row in (WORDS[table], *WORDS[table].values())]
    assert all("*" in row for row in (*rows, WORDS["cancellations"], WORDS["declines"], WORDS["money"]))


def test_file_has_no_other_members() -> None:
    """A misspelt table would be words that nobody reads."""
    assert tuple(WORDS) == Texts.__match_args__


def test_allowances_are_told_alike() -> None:
    """What notifier shows is what api enforces."""
    assert dict(notifier_settings.ALLOWANCES) == {str(reason): ticks for reason, ticks in domain.ALLOWANCES.items()}


Told = list[tuple[str, Order]]


def stories() -> Iterator[Told]:
    """Every state by a history of its own; then every sample, under every event, behind copies of itself."""
    for history in histories():
        yield [(TYPES[type(fact)], order) for fact, order in history]
    for document in SAMPLES.values():
        for event in [*journalled(), "unheard_of"]:
            last = json.loads(document)["version"]
            copies = (json.dumps(json.loads(document) | {"version": n, "since": 1}) for n in range(1, last))
            yield [(event, order_of(each)) for each in (*copies, document.decode())]


def by_api(told: Told, role: str) -> dict[str, Any]:
    entries = [Entry(event, BEGIN + timedelta(seconds=n), order) for n, (event, order) in enumerate(told)]
    return shapes.whole(told[-1][1], entries, role, PRESENTATION)


def by_notifier(told: Told, role: str) -> dict[str, Any]:
    story = Story(NOTIFIER)
    versions = [read(text(order), event, BEGIN + timedelta(seconds=n)) for n, (event, order) in enumerate(told)]
    for version in versions:
        story.extend(version)
    return story.show(versions[-1].order, notifier_domain.Role(role))


@pytest.mark.parametrize("role", [*Role])
def test_both_services_show_the_same(role: str) -> None:
    """A push, a poll and a query of one version are equal, member by member."""
    for told in stories():
        assert by_notifier(told, role) == by_api(told, role)


def test_both_services_wait_alike() -> None:
    """The same reasons, in every state."""
    for told in stories():
        order = told[-1][1]
        reason: Reason | None = domain.waiting_for(order)
        assert notifier_domain.waiting_for(read(text(order), "unheard_of", BEGIN).order) == reason
