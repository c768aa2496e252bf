"""What people are told they can do is what the rules let them do, in every state an order can be in."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from api import domain, settings, shapes
from api.domain import ALLOWANCES, Order, Refused, decide
from api.events import TYPES
from api.presentation import Entry, Presentation
from api.principal import Role
from tests.support.order_states import History, histories

PRESENTATION = Presentation.load(settings.PRESENTATION, ALLOWANCES)
BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)

COMMANDS: Mapping[tuple[Role, str], Callable[[Order], domain.Command]] = {
    (Role.CUSTOMER, "CANCEL_ORDER"): lambda order: domain.Cancel(order.customer_id),
    (Role.CUSTOMER, "RETRY_PAYMENT"): lambda order: domain.RetryPayment(order.customer_id, "pm_card_visa"),
    (Role.RESTAURANT, "MARK_ORDER_READY"): lambda order: domain.MarkReady(order.restaurant_id),
    (Role.RESTAURANT, "REPORT_OUT_OF_STOCK"): lambda order: domain.ReportOutOfStock(order.restaurant_id, ("tea",)),
    (Role.COURIER, "PICK_UP_ORDER"): lambda order: domain.PickUp(order.courier_id or "nobody"),
    (Role.COURIER, "DELIVER_ORDER"): lambda order: domain.Deliver(order.courier_id or "nobody"),
}


def entries(history: History) -> list[Entry]:
    """The history as the journal has it, one version a second."""
    return [Entry(TYPES[type(fact)], BEGIN + timedelta(seconds=order.version), order) for fact, order in history]


def allowed(order: Order, role: Role) -> set[str]:
    """What the rules do not refuse to who takes part in this role."""
    found = set()
    for (who, name), command in COMMANDS.items():
        try:
            if who is role and decide(order, command(order)):
                found.add(name)
        except Refused:
            continue
    return found


def test_actions_are_what_is_allowed() -> None:
    """Listed if and only if the command is not refused, in every state, for every role."""
    for history in histories():
        order = history[-1][1]
        listed = {role: set(PRESENTATION.actions(order, role)) for role in Role if role is not Role.SUPPORT}
        assert listed == {role: allowed(order, role) for role in listed}, order


def test_support_settles_what_was_refused() -> None:
    """A person has to act exactly when no program can any more."""
    for history in histories():
        order = history[-1][1]
        refused = order.payment.status is domain.Paid.REFUND_FAILED
        assert PRESENTATION.actions(order, Role.SUPPORT) == (["REFUND_BY_HAND"] if refused else []), order


def test_every_state_has_its_sentence() -> None:
    """One sentence for the order, one for each fact; none is the general one, none has a gap."""
    for history in histories():
        shown = shapes.whole(history[-1][1], entries(history), Role.CUSTOMER, PRESENTATION)
        said = [shown["message"], *(entry["message"] for entry in shown["timeline"])]
        assert [text for text in said if not text.endswith(".") or "{" in text or "has changed" in text] == []


def test_waits_end_together() -> None:
    """An action lasts as long as the wait, from the version on at which it began."""
    history = next(h for h in histories() if h[-1][1].payment.attempt == 2 and h[-1][1].payment.status == "FAILED")
    shown = shapes.whole(history[-1][1], entries(history), Role.CUSTOMER, PRESENTATION)
    assert shown["deadline"] == {"reason": "PAYMENT_FAILED", "at": "2026-11-24T12:05:02Z"}
    assert shown["actions"] == [
        {"name": name, "until": "2026-11-24T12:05:02Z"} for name in ("CANCEL_ORDER", "RETRY_PAYMENT")
    ]


def test_end_has_no_deadline() -> None:
    """Nothing is waited for, and what a person has to do has no limit."""
    history = next(h for h in histories() if h[-1][1].payment.status is domain.Paid.REFUND_FAILED)
    shown = shapes.whole(history[-1][1], entries(history), Role.SUPPORT, PRESENTATION)
    assert (shown["deadline"], shown["actions"]) == (None, [{"name": "REFUND_BY_HAND", "until": None}])
    assert shown["timeline"][-1]["reason"] == "charge_disputed"


def test_timeline_ends_at_the_version() -> None:
    """What was read later than the order is not told with it."""
    history = max(histories(), key=len)
    earlier = history[2][1]
    assert len(shapes.timeline(earlier, entries(history), PRESENTATION)) == earlier.version == 3


def test_names_are_no_templates() -> None:
    """A restaurant's name is shown as it is, whatever brackets are in it."""
    named = replace(histories()[0][-1][1], restaurant_name="{money} {0}")
    assert "{money} {0}" in PRESENTATION.message(named)
