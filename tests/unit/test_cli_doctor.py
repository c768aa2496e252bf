"""The doctor's findings."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from cli import doctor, health, prerequisites, processes, runtime
from cli.doctor import judge, log
from cli.errors import CommandError
from cli.health import Health
from cli.prerequisites import Finding
from cli.processes import Part

METRICS = """
# TYPE consumer_lag gauge
consumer_lag{consumer="payment",topic="orders.events"} 3
consumer_lag{consumer="payment",topic="restaurants.events"} 4
# TYPE tick_age_seconds gauge
tick_age_seconds 0.4
# TYPE slot_bytes_behind gauge
slot_bytes_behind 8e+08
# TYPE slot_wal_status gauge
slot_wal_status{slot_wal_status="reserved"} 1
slot_wal_status{slot_wal_status="unreserved"} 0
slot_wal_status{slot_wal_status="lost"} 0
# TYPE api_oldest_due_ticks gauge
api_oldest_due_ticks -240
"""


def server(ready: int = 200, body: object = None, metrics: str = METRICS) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/ready":
            return httpx.Response(ready, text=json.dumps(body or {}))
        return httpx.Response(200, text=metrics)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


async def ask(client: httpx.AsyncClient) -> Health:
    async with client:
        return await health.ask(client, "http://part")


async def test_ready_part_is_well() -> None:
    """A ready process with calm gauges has neither reasons nor notes."""
    said = await ask(server())
    assert (said.ready, said.reasons, said.notes) == (True, (), ())


async def test_gauges_are_summed_over_labels() -> None:
    """The lag of one process is that of all its topics."""
    assert (await ask(server())).gauges["consumer_lag"] == 7


async def test_reasons_are_passed_on() -> None:
    """A process that is not ready says why."""
    said = await ask(server(503, {"reasons": ["no partition is assigned"]}))
    assert (said.ready, said.reasons) == (False, ("no partition is assigned",))


async def test_silent_part_is_not_ready() -> None:
    """No answer is a finding, not an error."""

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    said = await ask(httpx.AsyncClient(transport=httpx.MockTransport(refuse)))
    assert said.reasons == ("no answer from http://part (ConnectError)",)


@pytest.mark.parametrize("body", ["", "{}", "[]", "not json"])
def test_strange_body_still_gives_a_reason(body: str) -> None:
    """Whatever a broken process answers, the doctor has a sentence."""
    assert health.why(body)[0]


@pytest.mark.parametrize(
    ("gauge", "value", "words"),
    [
        ("tick_age_seconds", 60, "clock stands since 60 s"),
        ("consumer_lag", 5000, "5000 events behind"),
        ("parked_heads", 2, "2 parked"),
        ("slot_bytes_behind", 3.9e9, "keeps 3.9 GB"),
        ("slot_wal_status=lost", 1, "slot is lost"),
        ("api_oldest_due_ticks", 1000, "1000 ticks ago"),
    ],
)
def test_gauge_out_of_bounds_is_noted(gauge: str, value: float, words: str) -> None:
    """Each of the gauges that have a runbook is said in words."""
    assert words in health.notes({gauge: value})[0]


async def test_lost_slot_is_read() -> None:
    """The state that a slot is in is the one that counts 1."""
    page = METRICS.replace('"lost"} 0', '"lost"} 1').replace('"reserved"} 1', '"reserved"} 0')
    assert (await ask(server(metrics=page))).notes == ("the replication slot is lost",)


def test_stopped_part_is_not_well() -> None:
    """A stopped process is named with the command that starts it."""
    found = judge(Part("payment", "STOPPED"), None)
    assert (found.well, "demae start payment" in found.remedy) == (False, True)


def test_unready_part_gives_its_reasons() -> None:
    """What the process says stands in the finding."""
    found = judge(Part("payment", "RUNNING", 7), Health(False, ("database is away",)))
    assert (found.well, found.detail) == (False, "database is away")


def test_log_is_told_over_all_parts() -> None:
    """Lag is summed, the clock shown."""
    said = {found.name: found.detail for found in log([Health(True, gauges={"consumer_lag": 2.0})])}
    assert said == {"lag": "2 events behind the log", "parked": "0 events wait for a person"}


@pytest.mark.parametrize(
    ("text", "well"), [('openjdk version "21.0.4"', True), ('java version "1.8"', False), ("", False)]
)
def test_java_is_new_enough(text: str, well: bool) -> None:
    """Java 17 or newer is wanted; the remedy says what to install."""
    found = prerequisites.java(lambda: text)
    assert found.well is well
    assert "maven" in found.remedy


def test_engine_that_keeps_out_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was ever up, a person who is not in the engine's group reads what to do."""
    script = tmp_path / "docker"
    script.write_text('#!/bin/sh\necho "permission denied while trying to connect to the docker API" >&2; exit 1\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("DEMAE_STATE", str(tmp_path / "state"))
    assert "add yourself to its group" in runtime.here().prerequisites()[-1].remedy


class FakeRuntime:
    """Two parts: one runs, one does not."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def parts(self) -> list[Part]:
        return [Part("payment", "RUNNING", 7), Part("delivery", "STOPPED")]

    def health(self, parts: Sequence[Part]) -> dict[str, Health]:
        return {part.name: Health(False, ("database is away",)) for part in parts if part.running}

    def prerequisites(self) -> list[Finding]:
        return [Finding("python", True, "new")]

    def kill(self, name: str) -> None:
        self.done.append(f"kill {name}")

    def stop(self, name: str) -> None:
        self.done.append(f"stop {name}")

    def start(self, name: str) -> None:
        self.done.append(f"start {name}")


def test_running_part_is_killed() -> None:
    """The person is told which process it was."""
    runtime = FakeRuntime()
    assert "process 7" in processes.kill(runtime, "payment")
    assert runtime.done == ["kill payment"]


def test_stopped_part_is_started() -> None:
    """A stopped process is started; one that runs is left alone."""
    runtime = FakeRuntime()
    processes.start(runtime, "delivery")
    processes.start(runtime, "payment")
    assert runtime.done == ["start delivery"]


def test_running_part_is_stopped() -> None:
    """A process that runs is stopped; one that does not is left alone."""
    runtime = FakeRuntime()
    processes.stop(runtime, "delivery")
    processes.stop(runtime, "payment")
    assert runtime.done == ["stop payment"]


def test_stopped_part_is_not_killed() -> None:
    """There is nothing to kill, and the message says what to do."""
    with pytest.raises(CommandError, match="demae start delivery"):
        processes.kill(FakeRuntime(), "delivery")


def test_unknown_part_is_named() -> None:
    """The names there are stand in the message."""
    with pytest.raises(CommandError, match="payment, delivery"):
        processes.kill(FakeRuntime(), "paymnt")


def test_report_has_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a runtime says of its parts stands in the report, with what to do."""
    monkeypatch.setattr(doctor, "edge", lambda: Finding("address", True, "answers"))
    shown = Console(file=io.StringIO(), width=120)
    assert not doctor.report(FakeRuntime(), shown)
    assert isinstance(shown.file, io.StringIO)
    for words in ("payment: database is away", "delivery: `./demae start delivery`", "2 of 6 are not well"):
        assert words in shown.file.getvalue()
