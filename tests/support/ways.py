"""Every way an order can go: what people do on it, and how it must end."""

from dataclasses import dataclass

from demae_client import Client
from ground.stack import Stack
from tests.support.journeys import DECLINED, FUNDLESS, VISA, Journey, Play, at, declined, eventually, shift, stock

QUICK, MANUAL = "bench-kitchen", "chez-margot"
RATION, QUICHE, BRULEE, STEAK = "ration", "quiche", "creme-brulee", "steak-frites"
COUNTED = 100_000_000  # what the kitchen has again of what had run out: as much as was sown, for the tests that follow

# -- what people decide ------------------------------------------------------------------------------------------------


async def another_card(order: Journey) -> None:
    await order.place(QUICK, RATION, DECLINED)
    await order.until(declined())
    await order.customer.retry_payment(order.order_id, FUNDLESS, attempt=2)
    await order.until(declined(2))
    await order.customer.retry_payment(order.order_id, VISA, attempt=3)
    await order.customer.retry_payment(order.order_id, VISA, attempt=3)  # as if no answer had come
    await order.carried()


async def cancelled_at_once(order: Journey) -> None:
    await order.place(MANUAL, "ratatouille")
    await order.customer.cancel(order.order_id)


async def cancelled_unpaid(order: Journey) -> None:
    await order.place(QUICK, RATION, DECLINED)
    await order.until(declined())
    await order.customer.cancel(order.order_id)


async def cancelled_cooking(order: Journey) -> None:
    await order.place(MANUAL, "ratatouille")
    await order.until(at("ACCEPTED"))
    await order.customer.cancel(order.order_id)


async def cancelled_ready(order: Journey) -> None:
    await order.place(QUICK, RATION)
    await order.until(at("READY"))
    await order.customer.cancel(order.order_id)
    await order.refused(order.courier(Client.pick_up))


async def cancelled_too_late(order: Journey) -> None:
    await order.place(QUICK, RATION)
    await order.until(at("READY"))
    await order.courier(Client.pick_up)
    await order.refused(order.customer.cancel(order.order_id))
    await order.courier(Client.deliver)


async def sold_out(order: Journey) -> None:
    async with order.speak_as(MANUAL, "restaurant") as kitchen:
        await kitchen.set_stock(BRULEE, 0)
        await in_kitchen(order.stack, BRULEE, 0)
        await order.place(MANUAL, BRULEE)
        await order.end()
        await kitchen.set_stock(BRULEE, COUNTED)


async def reported(order: Journey) -> None:
    await order.place(MANUAL, QUICHE)
    await order.until(at("ACCEPTED"))
    await order.kitchen(lambda client: client.report_out_of_stock(order.order_id, [QUICHE]))
    await in_kitchen(order.stack, QUICHE, 0)
    await order.end()
    await order.kitchen(lambda client: client.set_stock(QUICHE, COUNTED))


async def in_kitchen(stack: Stack, item: str, quantity: int) -> None:
    """The restaurant has read what was said of the item."""
    await eventually(lambda: stock(stack)[MANUAL, item] == quantity, f"{quantity} of {item}")


async def gone_home(order: Journey) -> None:
    await order.place(MANUAL, STEAK)
    first = (await order.until(at("ACCEPTED")))["courierId"] or ""
    await shift(order.stack, [first], on=False)
    await order.until(lambda pushed: pushed["courierId"] not in (None, first))
    await order.kitchen(lambda client: client.mark_ready(order.order_id))
    await order.refused(order.courier(Client.pick_up, who=first))
    await order.carried()


async def refund_refused(order: Journey) -> None:
    await order.place(MANUAL, "ratatouille")
    await order.until(at("ACCEPTED"))
    with order.stack.provider_faults.during(refuse_refunds=1.0):
        await order.customer.cancel(order.order_id)
        await order.end()


# -- what deadlines decide ---------------------------------------------------------------------------------------------


async def restaurant_silent(order: Journey) -> None:
    await order.place(MANUAL, "ratatouille")  # a quick kitchen would be ready before it reads that nobody waits
    await order.until(at("COURIER_ASSIGNED"))


async def no_courier(order: Journey) -> None:
    await order.place(QUICK, RATION)
    await order.until(at("PAID"))


async def never_paid(order: Journey) -> None:
    await order.place(QUICK, RATION, DECLINED)
    await order.until(declined())


async def payment_timeout(order: Journey) -> None:
    with order.stack.provider_faults.during(unavailable=1.0):
        await order.place(QUICK, RATION)
        await order.until(at("CANCELLED"))


async def not_ready(order: Journey) -> None:
    await order.place(MANUAL, "coq-au-vin")


async def not_picked_up(order: Journey) -> None:
    await order.place(QUICK, RATION)


async def not_delivered(order: Journey) -> None:
    await order.place(QUICK, RATION)
    await order.until(at("READY"))
    await order.courier(Client.pick_up)


CARRIED = "order_picked_up order_delivered"
ACCEPTED = "order_created payment_completed delivery_assigned order_accepted"
REFUNDED = "order_cancelled payment_refunded"


@dataclass(frozen=True)
class Way:
    """`facts`: the order's timeline at its end. `eaten`: the dish was ready, and is gone."""

    play: Play
    facts: str
    payment: str = "COMPLETED"
    reason: str | None = None
    eaten: str | None = None


def cancelled(one: Play, facts: str, reason: str, *, eaten: str | None = None) -> Way:
    """Paid for, and the money went back."""
    return Way(one, f"{facts} {REFUNDED}", "REFUNDED", reason, eaten)


PEOPLE = {
    "another card": Way(
        another_card,
        "order_created payment_failed payment_retry_requested payment_failed payment_retry_requested payment_completed "
        f"delivery_assigned order_accepted order_ready {CARRIED}",
        eaten=RATION,
    ),
    "cancelled unpaid": Way(
        cancelled_unpaid, "order_created payment_failed order_cancelled payment_released", "RELEASED", "CUSTOMER"
    ),
    "cancelled cooking": cancelled(cancelled_cooking, ACCEPTED, "CUSTOMER"),
    "cancelled ready": cancelled(cancelled_ready, f"{ACCEPTED} order_ready", "CUSTOMER", eaten=RATION),
    "cancelled too late": Way(cancelled_too_late, f"{ACCEPTED} order_ready {CARRIED}", eaten=RATION),
    "sold out": cancelled(sold_out, "order_created payment_completed delivery_assigned", "OUT_OF_STOCK"),
    "reported": cancelled(reported, ACCEPTED, "OUT_OF_STOCK"),
    "gone home": Way(gone_home, f"{ACCEPTED} delivery_assigned order_ready {CARRIED}", eaten=STEAK),
}
"""Decided by people; played side by side."""

REFUSED_REFUND = Way(refund_refused, f"{ACCEPTED} order_cancelled refund_failed", "REFUND_FAILED", "CUSTOMER")
"""Played alone: meanwhile the provider refuses every refund."""

STANDING = {
    "restaurant silent": cancelled(
        restaurant_silent, "order_created payment_completed delivery_assigned", "RESTAURANT_SILENT"
    ),
    "no courier": cancelled(no_courier, "order_created payment_completed", "NO_COURIER"),
    "never paid": Way(
        never_paid, "order_created payment_failed order_cancelled payment_released", "RELEASED", "PAYMENT_FAILED"
    ),
    "payment timeout": Way(
        payment_timeout, "order_created order_cancelled payment_released", "RELEASED", "PAYMENT_TIMEOUT"
    ),
}
"""Decided by deadlines; each begins when those before it stand: one courier, no kitchen, at last no provider."""

WAITING = {
    "not ready": cancelled(not_ready, ACCEPTED, "NOT_READY"),
    "not picked up": cancelled(not_picked_up, f"{ACCEPTED} order_ready", "NOT_PICKED_UP", eaten=RATION),
    "not delivered": cancelled(not_delivered, f"{ACCEPTED} order_ready order_picked_up", "NOT_DELIVERED", eaten=RATION),
}
"""Decided by deadlines, with everybody there; played side by side."""

DEADLINES = STANDING | WAITING
WAYS = PEOPLE | {"refund refused": REFUSED_REFUND} | DEADLINES
