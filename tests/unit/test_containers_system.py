"""What the container runtime gives to whom, and what it makes of the engine's words."""

import base64
import json
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from containers import compose, images, probe, secrets, start, system, up, upstream
from containers.engine import Engine, EngineError, EngineGone, Said
from containers.fetch import FetchError
from containers.observe import Container, containers
from runtime import layout
from runtime.choose import remembered
from runtime.errors import PartFailedError, PortTaken, Refusal

ROW = {
    "Id": "abc",
    "Image": "sha256:1",
    "RestartCount": 2,
    "State": {"Status": "running", "Pid": 7, "StartedAt": "2026-01-02T03:04:05.123456789Z", "ExitCode": 0},
    "Config": {"Labels": {"com.docker.compose.service": "payment", "com.docker.compose.oneoff": "False"}},
}


class Fake:
    """An engine that answers to the first words it knows; what was asked is in `asked`."""

    def __init__(self, **answers: Said) -> None:
        self.answers = answers
        self.asked: list[Sequence[str]] = []

    def __call__(
        self, words: Sequence[str], text: str | None, _variables: Mapping[str, str] | None, _seconds: float | None
    ) -> Said:
        self.asked.append(words)
        verb = next((word for word in words[1:] if word in self.answers), "")
        return self.answers.get(verb, Said(0, "", ""))


@pytest.fixture
def known(tmp_path: Path) -> system.System:
    """A system that was never started."""
    where = layout.Layout(layout.ROOT, tmp_path / "a state", tmp_path / "downloads", 200)
    where.make()
    return system.load(where, {"ALLOWANCES": '{"payment_timeout": 5}'}, [])


def using(known: system.System, fake: Fake) -> system.System:
    """The same with another engine."""
    return replace(known, engine=Engine(fake))


def one(name: str = "payment", status: str = "running", code: int = 0) -> Container:
    """A container."""
    return Container(name, name, status, 7 if status == "running" else 0, 1.0, code, 0, "image")


def test_secrets_go_to_few(known: system.System) -> None:
    """A process is given the secrets that it needs, no others."""
    given = secrets.given(known)
    assert set(given["delivery"]) == {"DATABASE_URL"}
    assert set(given["payment"]) == {"DATABASE_URL", "PROVIDER_KEY"}
    assert set(given["keeper"]) == {"DATABASE_URL", "CDC_DATABASE_PASSWORD"}
    assert set(given["notifier"]) == {"DATABASE_URL", "JWT_SECRET"}
    if (layout.ROOT / "demo").exists():
        assert (set(given["provider"]), set(given["actors"])) == ({"PROVIDER_KEY"}, {"JWT_SECRET"})


def test_secrets_lie_behind_a_closed_door(known: system.System) -> None:
    """A container's user may read them, whatever its number; nobody else on this machine comes near."""
    secrets.write(known)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (known.layout.state, known.secrets)]
    assert [mode & 0o077 for mode in modes] == [0, 0]
    file = known.secrets / "payment" / "DATABASE_URL"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.read_text().endswith("@postgres:5432/demae")


def test_secrets_change_whole(known: system.System) -> None:
    """A container that starts meanwhile reads the old word or the new one: the file is another, with the same mode."""
    secrets.write(known)
    file = known.secrets / "payment" / "PROVIDER_KEY"
    with file.open() as before:
        secrets.write(replace(known, keys=replace(known.keys, provider="another")))
        assert before.read() == known.keys.provider
    assert file.read_text() == "another"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_secrets_of_before_are_removed(known: system.System) -> None:
    """What a process no longer needs, it no longer has; nor what an interrupted write has left."""
    secrets.write(known)
    for name in ("JWT_SECRET", "DATABASE_URL.new"):
        (known.secrets / "payment" / name).write_text("old")
    secrets.write(known)
    assert {path.name for path in (known.secrets / "payment").iterdir()} == {"DATABASE_URL", "PROVIDER_KEY"}


VOLUMES = Said(0, "demae-1_kafka\ndemae-1_postgres\n", "")
FIT = {"version": Said(0, "1.45", ""), "compose": Said(0, "2.26.1", ""), "info": Said(0, "8000000000", "")}


def test_data_without_its_passwords_is_refused(known: system.System) -> None:
    """At once, naming the volumes, and as often as it is tried: the folder was deleted, and the data was not."""
    for _ in range(2):
        with pytest.raises(Refusal, match=r"forget the data: docker volume rm demae-1_kafka demae-1_postgres$") as said:
            up.bring(using(system.load(known.layout), Fake(volume=VOLUMES, **FIT)))
    assert "\n" not in str(said.value)


def test_containers_go_before_their_volumes(known: system.System) -> None:
    """An engine keeps a volume that a container has, also one that is stopped."""
    fake = Fake(volume=VOLUMES, ps=Said(0, "abc\n", ""), inspect=Said(0, json.dumps([ROW]), ""))
    with pytest.raises(Refusal, match=rf"docker rm --force \$\(.*project={known.project}\); docker volume rm"):
        secrets.refuse_lost(using(known, fake))


def test_deleted_passwords_are_noticed(known: system.System) -> None:
    """Of the folder only secrets.json was lost: what was made in its place opens nothing."""
    secrets.write(known)
    system.remember(known)
    (known.layout.state / "secrets.json").unlink()
    with pytest.raises(Refusal, match="whose passwords were deleted"):
        secrets.refuse_lost(using(system.load(known.layout), Fake(volume=VOLUMES)))


@pytest.mark.parametrize("lost", ["settings.json", "secrets", ""])
def test_known_passwords_are_not_refused(known: system.System, lost: str) -> None:
    """Either of both says that the data is this system's."""
    secrets.write(known)
    system.remember(known)
    path = known.layout.state / lost
    if lost:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    secrets.refuse_lost(using(system.load(known.layout), Fake(volume=VOLUMES)))


def test_new_system_has_no_lost_passwords(known: system.System) -> None:
    """Nothing is remembered, and nothing is there."""
    secrets.refuse_lost(using(known, Fake()))


def test_variables_hold_no_secret(known: system.System) -> None:
    """Neither for a person's compose, nor for ours."""
    secrets.write(known)
    compose.write_variables(known)
    text = (known.layout.state / "compose.env").read_text()
    every = {value for values in secrets.given(known).values() for value in values.values()}
    assert not [value for value in every if value in text]
    assert f"COMPOSE_PROJECT_NAME='{known.project}'" in text


def test_quotes_stay_within_theirs(known: system.System) -> None:
    """One in a setting does not end the value: JSON spells it otherwise, the rest as compose's manual says."""
    properties = {"client.id": "o'clock \\"}
    settings = {"KAFKA_PROPERTIES": json.dumps(properties), "PROVIDER_URL": "http://o'clock"}
    compose.write_variables(replace(known, settings=settings))
    lines = dict(line.split("=", 1) for line in (known.layout.state / "compose.env").read_text().splitlines())
    assert "'" not in lines["KAFKA_PROPERTIES"][1:-1]
    assert json.loads(lines["KAFKA_PROPERTIES"][1:-1]) == properties
    assert lines["PROVIDER_URL"] == r"'http://o\'clock'"


def test_password_among_settings_is_refused(known: system.System) -> None:
    """Variables of a container are for everybody who may inspect it."""
    told = replace(known, settings={"KAFKA_PROPERTIES": '{"sasl.password": "s3cret"}'})
    with pytest.raises(Refusal, match=r"KAFKA_PROPERTIES has sasl.password.* KAFKA_PASSWORD") as said:
        up.bring(using(told, Fake(version=Said(0, "1.0", ""))))
    assert "s3cret" not in str(said.value)


def test_ports_move_together(known: system.System) -> None:
    """By the offset, as those of local processes."""
    said = compose.variables(known)
    names = ("PORT", "POSTGRES_PORT", "KAFKA_PORT", "CONNECT_PORT", "PROVIDER_PORT")
    assert [said[f"DEMAE_{name}"] for name in names] == ["8200", "8232", "8292", "8283", "8203"]


def test_only_given_settings_are_handed_on(known: system.System, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set for `make up`, not what is set for the command after it; nothing of a person's other projects."""
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("COMPOSE_FILE", "/elsewhere.yaml")
    said = compose.environment(known)
    assert said["ALLOWANCES"] == '{"payment_timeout": 5}'
    assert not {"LOG_LEVEL", "COMPOSE_FILE"} & set(said)


def test_open_layer_is_remembered(known: system.System) -> None:
    """With the data, as everything that `make up` was told."""
    system.remember(replace(known, opened=True, without=["payment"]))
    again = system.load(known.layout)
    assert (again.opened, again.without, again.project) == (True, ["payment"], known.project)
    assert any(word.endswith("compose.open.yaml") for word in compose.command(again, "ps"))


def test_two_folders_are_two_projects(known: system.System, tmp_path: Path) -> None:
    """Whatever they are called."""
    where = replace(known.layout, state=tmp_path / "other")
    where.make()
    assert system.load(where).project != known.project


def test_copied_folder_is_refused(known: system.System, tmp_path: Path) -> None:
    """Copied with its checkout, it names the other's project; moved, it goes on with its own."""
    system.remember(known)
    copy = replace(known.layout, state=tmp_path / "copy")
    shutil.copytree(known.layout.state, copy.state)
    with pytest.raises(Refusal, match=f"copy is a copy of {known.layout.state}"):
        system.load(copy)
    shutil.rmtree(known.layout.state)
    assert system.load(copy).project == known.project


def test_containers_are_read(known: system.System) -> None:
    """Process, id, restarts and seconds, out of the engine's words."""
    fake = Fake(ps=Said(0, "abc\n", ""), inspect=Said(0, json.dumps([ROW]), ""))
    found = containers(using(known, fake))["payment"]
    assert (found.id, found.pid, found.restarts, found.since) == ("abc", 7, 2, 1767323045.0)


def test_reasons_are_the_processes_own(known: system.System) -> None:
    """All are asked at once, and each says why."""
    away = 'HTTP/1.0 503 Away\r\nServer: x\r\n\r\n{"ready": false, "reasons": ["database away"]}'
    lines = {"payment /ready": away, "connect /connectors": "HTTP/1.1 200 OK\r\n\r\n[]", "kafka -": ""}
    said = "".join(f"{name} {base64.b64encode(text.encode()).decode()}\n" for name, text in lines.items())
    found = {name: one(name) for name in ("payment", "connect", "kafka")} | {"delivery": one("delivery", "paused")}
    fake = Fake(exec=Said(0, said, ""))
    assert probe.why_not(using(known, fake), found, [*found, "keeper"]) == {
        "payment": "database away",
        "connect": None,
        "kafka": "does not answer yet",
        "delivery": "paused",
        "keeper": "not started yet",
    }
    assert len(fake.asked) == 1


def test_taken_port_names_the_container(known: system.System) -> None:
    """Before anything starts, with the setting that moves everything."""

    def run(words: Sequence[str], *_: object) -> Said:
        return Said(0, "their-edge-1\n" if any("publish=8200" in word for word in words) else "", "")

    with pytest.raises(
        PortTaken, match=r"Port 8200 \(edge\) is taken by the container their-edge-1.\n.*DEMAE_PORT_OFFSET"
    ):
        up._refuse_ports(replace(known, engine=Engine(run)))


def test_colon_in_the_state_is_refused(known: system.System, tmp_path: Path) -> None:
    """Compose would take its secrets from another folder."""
    where = replace(known.layout, state=tmp_path / "a:b")
    where.make()
    with pytest.raises(Refusal, match="a:b has a colon"):
        up.bring(replace(known, layout=where))


def test_missing_upstream_image_says_what_to_do(known: system.System) -> None:
    """Without a registry, or under another name."""
    config = json.dumps({"services": {"postgres": {"image": "postgres:17"}, "payment": {"image": "x", "build": {}}}})
    fake = Fake(config=Said(0, config, ""), image=Said(1, "[]", "no such image"), pull=Said(1, "", "no such host"))
    told: list[str] = []
    with pytest.raises(FetchError, match=r"postgres:17 is not here .*no such host.*\n.*make images OFFLINE=1"):
        upstream.ensure(using(known, fake), told.append)
    assert told == ["fetching the image postgres:17 (once)"]


def test_system_without_data_is_not_remembered(known: system.System, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that goes away before anything began leaves a person free to take processes."""

    def gone(_known: system.System) -> None:
        raise EngineGone("away")

    monkeypatch.setattr(up, "_refuse_ports", lambda _known: None)
    monkeypatch.setattr(images, "ensure", lambda _root, _say: [])
    monkeypatch.setattr(upstream, "ensure", lambda _known, _say: None)
    monkeypatch.setattr(up, "_make_way", gone)
    with pytest.raises(EngineGone):
        up.bring(using(known, Fake(**FIT)))
    assert remembered(known.layout.state) == ""


@pytest.mark.parametrize(
    ("data", "error", "name"),
    [("", EngineGone, "compose"), ("", EngineError, ""), ("demae-1_postgres\n", EngineError, "compose")],
    ids=["the engine goes", "refused", "refused, with data"],
)
def test_system_is_remembered_with_its_data(known: system.System, data: str, error: type[Refusal], name: str) -> None:
    """From when there may be some, until it is certain that there is none."""
    with pytest.raises(error), start._undone(using(known, Fake(volume=Said(0, data, ""))), {}):
        assert remembered(known.layout.state) == "compose"
        raise error("no")
    assert remembered(known.layout.state) == name


class Ended:
    """`docker compose up`, ended badly."""

    def poll(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("last", "kind", "words"),
    [
        ("error during connect: Post http://x: EOF", EngineGone, "went away .* `make up` continues"),
        ("Error: Bind for 127.0.0.1:8000 failed: port is already allocated", PortTaken, "DEMAE_PORT_OFFSET=100"),
        (
            "Error response from daemon: Get https://registry/v2/: dial tcp: connect: connection refused",
            EngineError,
            "docker compose up failed: Error response .* connection refused",
        ),
        (
            "Error response from daemon: No such image: demae/api:dev",
            EngineError,
            "`make images` builds what is missing",
        ),
        (
            'service "bootstrap" didn\'t complete successfully: exit 1',
            PartFailedError,
            "bootstrap failed.*its log is empty",
        ),
        ("container demae-1-kafka-1 is unhealthy", PartFailedError, "kafka failed"),
        ("something new", EngineError, "something new\nAll of it is in .*compose.log"),
    ],
)
def test_failed_start_is_one_message(known: system.System, last: str, kind: type[Refusal], words: str) -> None:
    """What compose says becomes what a person can do."""
    known.layout.log("compose").write_text(f" Container x  Creating\n{last}\n")
    with pytest.raises(kind, match=f"(?s){words}"):
        start._refuse_failed(using(known, Fake(ps=Said(0, "", ""))), Ended())  # type: ignore[arg-type]


def test_frozen_and_forgotten_are_seen_to(known: system.System) -> None:
    """`make up` wakes what was frozen, and stops what is left to a person."""
    rows = [
        {**ROW, "Id": "frozen", "State": {**ROW["State"], "Status": "paused"}},  # type: ignore[dict-item]
        {**ROW, "Id": "mine", "Config": {"Labels": {"com.docker.compose.service": "delivery"}}},
    ]
    fake = Fake(ps=Said(0, "frozen mine\n", ""), inspect=Said(0, json.dumps(rows), ""))
    up._make_way(replace(using(known, fake), without=["delivery"]))
    assert [list(words[1:]) for words in fake.asked[-2:]] == [["unpause", "frozen"], ["stop", "mine"]]
