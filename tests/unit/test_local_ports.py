"""The local runtime's ports."""

from local import ports


def test_first_numbers_are_known() -> None:
    """Whatever services there are, api http, notifier and provider are where people look for them."""
    numbers = ports.Ports(100, ports.places(["payment", "api-http", "notifier"], []))
    assert (numbers.edge, numbers.http("api-http"), numbers.http("notifier")) == (8100, 8101, 8102)


def test_new_service_moves_nobody() -> None:
    """A number once given stays: a new folder does not restart its neighbours."""
    before = ports.places(["api-http", "payment"], [])
    after = ports.places(["api-http", "loyalty", "payment"], before)
    assert after[: len(before)] == before


def test_no_two_ports_are_equal() -> None:
    """All that one system listens on, with as many processes as there is room for."""
    names = [f"p{n}" for n in range(ports.PLACES - len(ports.FIRST))]
    numbers = ports.Ports(0, ports.places(names, []))
    fixed = [numbers.edge, numbers.postgres, numbers.connect, numbers.kafka, numbers.controller, numbers.supervisor]
    every = [*fixed, *map(numbers.http, names), *map(numbers.health, names)]
    assert len(set(every)) == len(every)


def test_ports_stay_in_their_hundred() -> None:
    """So that an offset of 100 is another system."""
    names = [f"p{n}" for n in range(ports.PLACES - len(ports.FIRST))]
    numbers = ports.Ports(0, ports.places(names, []))
    assert all(8000 <= numbers.http(name) < 8100 and 9000 <= numbers.health(name) < 9100 for name in names)
