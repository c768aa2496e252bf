"""The circuit: trouble in a row closes the door for a while, anything else does not."""

import threading
from collections.abc import Callable

import pytest

from ground.waiting import until
from payment.circuit import Circuit
from payment.provider import Unanswered


def failing(trouble: bool) -> Callable[[], None]:
    """A call that ends without an answer."""

    def call() -> None:
        raise Unanswered("no answer", trouble=trouble)

    return call


def fail(circuit: Circuit, times: int, trouble: bool = True) -> None:
    """Let calls fail."""
    for _ in range(times):
        with pytest.raises(Unanswered):
            circuit.run(failing(trouble))


def test_open_circuit_asks_nothing() -> None:
    """After the troubles in a row the next call is not made."""
    circuit, made = Circuit(3, 60), []
    fail(circuit, 3)
    with pytest.raises(Unanswered, match="circuit to the provider is open"):
        circuit.run(lambda: made.append(1))
    assert made == []


def test_success_forgets_the_troubles() -> None:
    """Only troubles in a row count."""
    circuit = Circuit(3, 60)
    fail(circuit, 2)
    circuit.run(lambda: None)
    fail(circuit, 2)
    assert circuit.run(lambda: "asked") == "asked"


def test_bad_request_opens_nothing() -> None:
    """One order that the provider cannot make sense of says nothing about the others."""
    circuit = Circuit(3, 60)
    fail(circuit, 10, trouble=False)
    assert circuit.run(lambda: "asked") == "asked"


def test_circuit_closes_after_a_good_call() -> None:
    """Once the time is over a call is let through, and its success closes the circuit."""
    circuit = Circuit(1, 0.05)
    fail(circuit, 1)

    def asked() -> bool:
        try:
            return circuit.run(lambda: True)
        except Unanswered:
            return False

    until(asked)
    assert circuit.run(lambda: "asked") == "asked"


def test_open_circuit_takes_nothing_up() -> None:
    """Nothing is begun while it is open; then one call finds out, and its success lets all others in."""
    circuit = Circuit(1, 0.05)
    rooms = [circuit.room(100)]
    fail(circuit, 1)
    rooms.append(circuit.room(100))
    until(lambda: circuit.room(100))
    rooms.append(circuit.room(100))
    circuit.run(lambda: None)
    assert [*rooms, circuit.room(100)] == [100, 0, 1, 100]


def test_one_call_finds_out() -> None:
    """While it is under way, however long that takes, nobody else asks: a provider that hangs is not crowded."""
    circuit, under_way, go_on = Circuit(1, 0.05), threading.Event(), threading.Event()
    said: list[None] = []
    fail(circuit, 1)
    until(lambda: circuit.room(100))

    def slow() -> None:
        under_way.set()
        go_on.wait(5)

    probe = threading.Thread(target=lambda: said.append(circuit.run(slow)))
    probe.start()
    under_way.wait(5)
    with pytest.raises(Unanswered, match="finding out"):
        circuit.run(lambda: None)
    room = circuit.room(100)
    go_on.set()
    probe.join(5)
    assert (room, said, circuit.room(100)) == (0, [None], 100)


def test_old_success_lets_nobody_in() -> None:
    """A call from before the trouble ends well while one finds out: all others would be taken up, and refused."""
    circuit, go_on, rooms = Circuit(1, 0.05), threading.Event(), []
    old = threading.Thread(target=lambda: circuit.run(lambda: go_on.wait(5)))
    old.start()
    fail(circuit, 1)
    until(lambda: circuit.room(100))

    def probe() -> None:
        go_on.set()
        old.join(5)
        rooms.append(circuit.room(100))

    circuit.run(probe)
    assert [*rooms, circuit.room(100)] == [0, 100]


def test_failed_probe_lets_the_next_one_try() -> None:
    """Whoever finds out that nothing has changed leaves the door to the next, after the same time."""
    circuit = Circuit(1, 0.05)
    fail(circuit, 1)
    for _ in range(2):
        until(lambda: circuit.room(100))
        fail(circuit, 1)
    until(lambda: circuit.room(100))
    assert circuit.run(lambda: "asked") == "asked"


def test_calls_run_side_by_side() -> None:
    """No lock is held during a call: four of them meet inside."""
    circuit, meeting = Circuit(), threading.Barrier(4, timeout=5)
    threads = [threading.Thread(target=lambda: circuit.run(meeting.wait)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert not meeting.broken


def test_fault_of_ours_is_not_swallowed() -> None:
    """A bug in the call comes out as it is."""
    with pytest.raises(ZeroDivisionError):
        Circuit().run(lambda: 1 // 0)
