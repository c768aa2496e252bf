"""What is not right in what the experiments found; a sentence each."""

from trouble.poison import Parked
from trouble.provider import Compared, Outage
from trouble.report import Result

# With the options as they are by themselves, on a machine that has nothing else to do.
BACKLOG_SECONDS = 30.0  # from the end of an outage until its last order is delivered
RATIO = 2.0  # of place → delivered at p99, beside a trouble that is not the order's


def faults(parked: Parked) -> list[str]:
    """Where poison did not become what it must."""
    found = [
        f"{name} has {parked.heads.get(name, 0)} parked heads of {expected} bad events"
        for name, expected in sorted(parked.expected.items())
        if parked.heads.get(name, 0) != expected
    ]
    strange = parked.heads.keys() - parked.expected.keys()
    found += [f"{name} has parked what it does not handle" for name in sorted(strange)]
    return found + ([f"{parked.left} events are still parked in the end"] if parked.left else [])


def beyond(result: Result) -> list[str]:
    """Figures past their limit, and those for which nothing happened."""
    found = slow(result.outage) if result.outage else []
    if result.silence:
        found += held_up("beside calls that hang", result.silence)
    if result.poison:
        found += held_up("beside poison", result.poison[0])
    return found


def slow(found: Outage) -> list[str]:
    """Of an outage."""
    told = [] if found.calls else ["the provider refused no call: there was no outage"]
    if found.gone is None:
        return [*told, "no order from the time of the outage was delivered"]
    if found.gone > BACKLOG_SECONDS:
        told.append(
            f"the backlog of the outage was gone after {found.gone:.1f} s; the limit is {BACKLOG_SECONDS:.0f} s"
        )
    return told


def held_up(where: str, found: Compared) -> list[str]:
    """Of orders that were not hit."""
    if not found.hit:
        return [f"{where}: no order was hit; more orders are needed"]
    longer = found.ratio(99)
    if longer is None:
        return [f"{where}: nothing can be compared, for want of delivered orders"]
    if longer > RATIO:
        return [f"{where}: p99 of place → delivered was {longer:.2f} times as long; the limit is {RATIO:.0f} times"]
    return []
