"""What the local runtime remembers, keeps secret, and gives to whom."""

import json
import secrets
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from supervisor.datatypes import dict_of_key_value_pairs  # type: ignore[import-untyped]

from local import down, parts, supervise, system
from runtime import keys, layout, sources
from runtime.errors import BusyError, Refusal
from runtime.exclusive import exclusive
from runtime.system import refuse_unknown


@pytest.fixture
def known(tmp_path: Path) -> system.System:
    """A system that was never started."""
    where = layout.Layout(layout.ROOT, tmp_path / "a state", tmp_path / "downloads", 200)
    where.make()
    return system.load(where, {"ALLOWANCES": '{"payment_timeout": 5}'}, [])


def environment(known: system.System, name: str) -> dict[str, str]:
    """What the process of this name is given."""
    return parts.environment(known, next(p for p in known.processes if p.name == name))


def test_secrets_are_the_owners_alone(known: system.System) -> None:
    """Neither group nor others can read them, nor enter the folder."""
    modes = [path.stat().st_mode for path in (known.layout.state, known.layout.state / "secrets.json")]
    assert [stat.S_IMODE(mode) & 0o077 for mode in modes] == [0, 0]


def test_secrets_are_made_once(known: system.System) -> None:
    """The second load has the same passwords, and one more for a new service."""
    again = keys.load(known.layout.state, ["payment", "loyalty"])
    assert (again.jwt, again.database["payment"]) == (known.keys.jwt, known.keys.database["payment"])
    assert again.database["loyalty"]


def test_first_commands_at_once_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has read that there is nothing before the other has written: it has to wait."""
    both = threading.Barrier(2)

    def made_up(_size: int) -> str:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # never passed while only one may be here
        return secrets.token_hex(4)

    monkeypatch.setattr("runtime.keys.secrets.token_urlsafe", made_up)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: keys.load(tmp_path, []), range(2))
    assert first == second


def test_key_of_another_provider_is_kept(known: system.System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given once, in the environment; afterwards it lies with the other secrets."""
    monkeypatch.setenv("PROVIDER_KEY", "sk_test_mine")
    assert keys.load(known.layout.state, []).provider == "sk_test_mine"
    monkeypatch.delenv("PROVIDER_KEY")
    assert keys.load(known.layout.state, []).provider == "sk_test_mine"


def test_fork_without_the_look_alike_asks_stripe(known: system.System) -> None:
    """Its port keeps its number, and nobody listens there."""
    fork = replace(known, processes=[process for process in known.processes if process.name != "provider"])
    assert environment(fork, "payment")["PROVIDER_URL"] == "https://api.stripe.com"


def test_offset_is_remembered(tmp_path: Path) -> None:
    """`down` after `DEMAE_PORT_OFFSET=300 make up` finds the system without the setting."""
    layout.remember(tmp_path, offset=300)
    assert layout.from_environment({"DEMAE_STATE": str(tmp_path)}).offset == 300


def test_offset_must_be_a_number() -> None:
    """The message says what it must look like."""
    with pytest.raises(SystemExit, match="must be a number"):
        layout.from_environment({"DEMAE_PORT_OFFSET": "many"})


def test_secrets_go_to_few(known: system.System) -> None:
    """A process is given the secrets that it needs, no others."""
    secret = {known.keys.jwt, known.keys.provider, known.keys.database["cdc"], known.keys.database["postgres"]}
    assert not secret & set(environment(known, "delivery").values())


def test_settings_win_everywhere(known: system.System) -> None:
    """What a person set for `make up` is in each service's environment."""
    assert environment(known, "api-projector")["ALLOWANCES"] == '{"payment_timeout": 5}'


def test_supervisor_reads_what_was_meant(known: system.System) -> None:
    """Braces, quotes, percent signs and spaces come back out of supervisor's own parser unharmed."""
    supervise.configure(known)
    text = (known.layout.state / "supervisord.conf").read_text()
    lines = {line.partition(" = ")[0]: line.partition(" = ")[2] for line in text.splitlines() if " = " in line}
    variables = dict_of_key_value_pairs(lines["environment"])
    assert json.loads(variables["ALLOWANCES"]) == {"payment_timeout": 5}
    assert variables["DEMAE_MARK"] == str(known.layout.state)


def test_unchanged_configuration_is_left(known: system.System) -> None:
    """The second `make up` finds nothing to change."""
    assert (supervise.configure(known), supervise.configure(known)) == (True, False)


def test_quotes_cannot_be_given() -> None:
    """Supervisor's file has no way to say them: refused with a sentence, before anything starts."""
    with pytest.raises(SystemExit, match="quote"):
        supervise.quoted("it's")


def test_changed_source_changes_the_part(tmp_path: Path) -> None:
    """Edit a service, `make up`: it is started anew; bytecode beside it changes nothing."""
    (tmp_path / "payment").mkdir()
    (tmp_path / "payment" / "domain.py").write_text("A = 1\n")
    before = sources.digest(tmp_path, ["payment"])
    (tmp_path / "payment" / "domain.pyc").write_bytes(b"x")
    sources.forget()
    assert sources.digest(tmp_path, ["payment"]) == before
    (tmp_path / "payment" / "domain.py").write_text("A = 2\n")
    sources.forget()
    assert sources.digest(tmp_path, ["payment"]) != before


def test_two_commands_exclude_each_other(known: system.System) -> None:
    """The second is told so at once; after the first it may."""

    @exclusive
    def change(known: system.System, inside: bool) -> str:
        if not inside:
            return "done"
        with pytest.raises(BusyError, match="Another command"):
            change(known, False)
        return "was alone"

    assert (change(known, True), change(known, False)) == ("was alone", "done")


def test_forgetting_is_alone_to_its_end(known: system.System, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make up` begins neither between the stop and the end of `clean`, nor beside a lock that was removed."""
    forget = layout.forget

    @exclusive
    def change(_known: system.System) -> None:
        """Another command."""

    def forgetting(where: layout.Layout) -> None:
        forget(where)
        with pytest.raises(BusyError):
            change(known)

    monkeypatch.setattr(down, "Supervisor", lambda _: Mock(alive=lambda: False))
    monkeypatch.setattr(layout, "forget", forgetting)
    down.clean(known)
    change(known)
    assert {path.name for path in known.layout.state.iterdir()} == {"lock", "secrets.lock"}


def test_misspelt_without_is_refused(known: system.System) -> None:
    """Before anything starts, with the names there are."""
    with pytest.raises(Refusal, match=r"no such service; there are .*payment"):
        refuse_unknown(replace(known, without=["paymnet"]))


@pytest.mark.parametrize("name", ["payment", "api", "api-projector"])
def test_without_takes_services_and_processes(known: system.System, name: str) -> None:
    """A service means all of its processes."""
    left = replace(known, without=[name])
    refuse_unknown(left)
    assert [part for part in parts.table(left) if parts.left_out(left, part)]
