"""The secrets of a cluster, against an API server with the real one's answers."""

import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bootstrap import keeping, kubernetes
from bootstrap.kubernetes import Secrets
from bootstrap.secrets import Values
from chassis.errors import Transient
from tests.support.databases import ROOT
from tests.support.kubernetes_api import TOKEN, Api, secrets_at, serving

SERVICES = ROOT / "services"
ADDRESS = "postgres:5432"
# What each process is given: all that it needs, and nothing else.
VARIABLES = {
    "api": {"DATABASE_URL", "JWT_SECRET"},
    "notifier": {"DATABASE_URL", "JWT_SECRET"},
    "payment": {"DATABASE_URL", "PROVIDER_KEY"},
    "delivery": {"DATABASE_URL"},
    "restaurant": {"DATABASE_URL"},
    "keeper": {"DATABASE_URL", "CDC_DATABASE_PASSWORD"},
    "provider": {"PROVIDER_KEY"},
    "postgres": {"POSTGRES_PASSWORD"},
    "person": {"JWT_SECRET"},
    "bootstrap": {
        "ADMIN_DATABASE_URL",
        *(f"DB_PASSWORD_{role}" for role in ("API", "NOTIFIER", "PAYMENT", "DELIVERY", "RESTAURANT", "KEEPER")),
        "DB_PASSWORD_CDC",
        "DB_PASSWORD_VERIFY",
    },
}


@pytest.fixture
def api() -> Api:
    """A namespace without Secrets."""
    return Api()


@pytest.fixture
def store(api: Api, tmp_path: Path) -> Iterator[Secrets]:
    """The pod's way to it."""
    with ExitStack() as stack:
        yield stack.enter_context(secrets_at(stack.enter_context(serving(api)), tmp_path))


def keep(store: Secrets, services: Path = SERVICES) -> tuple[Values, list[str], list[str]]:
    """-> the values, what was made, what was noted."""
    made: list[str] = []
    noted: list[str] = []
    return keeping.keep(store, services, "demae", ADDRESS, made.append, noted.append), made, noted


def held(api: Api) -> dict[str, dict[str, str]]:
    """Name → variable → value, as stored."""
    return {
        name: {variable: b64decode(value).decode() for variable, value in (secret.get("data") or {}).items()}
        for name, secret in api.secrets.items()
    }


def put(api: Api, name: str, **values: str) -> None:
    """A Secret that a person made."""
    data = {variable: b64encode(value.encode()).decode() for variable, value in values.items()}
    metadata = {"name": name, "annotations": {"mine": "yes"}}
    api.answer("POST", "/api/v1/namespaces/demae/secrets", f"Bearer {TOKEN}", {"metadata": metadata, "data": data})


def test_each_process_is_given_its_own(api: Api, store: Secrets) -> None:
    """Every Secret that the manifests mount, with the variables of that process and no others."""
    keep(store)
    assert {name: set(values) for name, values in held(api).items()} == VARIABLES


def test_derived_values_agree(api: Api, store: Secrets) -> None:
    """One password in bootstrap's Secret and in the service's URL; one key for those who share it."""
    keep(store)
    found = held(api)
    word = found["bootstrap"]["DB_PASSWORD_PAYMENT"]
    assert found["payment"]["DATABASE_URL"] == f"postgresql://payment:{word}@postgres:5432/demae"
    assert found["keeper"]["CDC_DATABASE_PASSWORD"] == found["bootstrap"]["DB_PASSWORD_CDC"]
    assert found["postgres"]["POSTGRES_PASSWORD"] in found["bootstrap"]["ADMIN_DATABASE_URL"]
    assert found["api"]["JWT_SECRET"] == found["notifier"]["JWT_SECRET"] == found["person"]["JWT_SECRET"]
    assert found["payment"]["PROVIDER_KEY"] == found["provider"]["PROVIDER_KEY"]


def test_second_round_writes_nothing(api: Api, store: Secrets) -> None:
    """What is there is only read."""
    values, *_ = keep(store)
    api.log.clear()
    assert keep(store) == (values, [], [])
    assert {method for method, *_ in api.log} == {"GET"}


@pytest.mark.parametrize("lost", sorted(VARIABLES))
def test_lost_secret_is_made_as_it_was(api: Api, store: Secrets, lost: str) -> None:
    """Any one that is deleted comes back with the values that the others still work with."""
    keep(store)
    before = held(api)
    del api.secrets[lost]
    keep(store)
    after = held(api)
    # Nobody but bootstrap has the password of the reader of everything.
    before["bootstrap"].pop("DB_PASSWORD_VERIFY")
    after["bootstrap"].pop("DB_PASSWORD_VERIFY")
    assert after == before


def test_missing_value_is_added(api: Api, store: Secrets) -> None:
    """A new service's password joins those that are there; labels and annotations of others stay."""
    put(api, "bootstrap", ADMIN_DATABASE_URL="postgresql://root:word@db.example:5433/postgres?sslmode=require")
    _, made, _ = keep(store)
    found = held(api)
    assert api.secrets["bootstrap"]["metadata"]["annotations"] == {"mine": "yes"}
    assert found["payment"]["DATABASE_URL"].endswith("@db.example:5433/demae?sslmode=require")
    assert found["postgres"]["POSTGRES_PASSWORD"] == "word"
    assert any(line.startswith("Secret bootstrap: made DB_PASSWORD_") for line in made)


def test_given_value_is_kept(api: Api, store: Secrets) -> None:
    """A person's own key reaches those who share it, and is overwritten nowhere."""
    put(api, "payment", PROVIDER_KEY="sk_of_a_person")
    keep(store)
    assert held(api)["payment"]["PROVIDER_KEY"] == held(api)["provider"]["PROVIDER_KEY"] == "sk_of_a_person"


def test_password_of_a_broker_is_handed_on(api: Api, store: Secrets) -> None:
    """One Secret is all that a person makes; whoever reads the log is given it, and nobody else."""
    put(api, "bootstrap", KAFKA_PASSWORD="of the broker")
    keep(store)
    given = {name for name, values in held(api).items() if values.get("KAFKA_PASSWORD") == "of the broker"}
    assert given == {"bootstrap", *(name for name, variables in VARIABLES.items() if "DATABASE_URL" in variables)}


def test_difference_is_noted(api: Api, store: Secrets) -> None:
    """Two that disagree are both left, and a person is told the name, not the value."""
    put(api, "payment", PROVIDER_KEY="one")
    put(api, "provider", PROVIDER_KEY="another")
    _, _, noted = keep(store)
    assert noted == ["Secret payment has its own PROVIDER_KEY: left as it is"]


def test_two_at_once_agree(api: Api, store: Secrets) -> None:
    """Bootstraps that start together, over and over: one set, which all of them return."""
    for _ in range(10):
        api.secrets.clear()
        found: list[Values] = []
        start = threading.Barrier(4)

        def run(start: threading.Barrier = start, found: list[Values] = found) -> None:
            start.wait()
            found.append(keep(store)[0])

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert {repr(values) for values in found} == {repr(keep(store)[0])}


def test_administrator_of_somebody_else_is_not_kept(api: Api, store: Secrets) -> None:
    """An operator's password, also a new one, is used; the services' addresses lead to its server; no Secret has it."""
    told: list[str] = []
    for word in ("of-the-operator", "of-the-operator-later"):
        theirs = f"postgresql://postgres:{word}@db.demae.svc:5433/postgres"
        values = keeping.keep(store, SERVICES, "demae", ADDRESS, told.append, told.append, theirs)
        assert values.admin_url == theirs
    assert held(api)["delivery"]["DATABASE_URL"].endswith("@db.demae.svc:5433/demae")
    assert "postgres" not in api.secrets
    assert "of-the-operator" not in repr(held(api))


def test_update_of_what_changed_is_made_anew(api: Api, store: Secrets) -> None:
    """Two add to one Secret at once: neither loses what it added."""
    put(api, "shared", A="1")
    start = threading.Barrier(2)

    def add(variable: str) -> None:
        start.wait()
        store.complete("shared", {variable: variable})

    for _ in range(20):
        api.secrets["shared"]["data"] = {}
        threads = [threading.Thread(target=add, args=[variable]) for variable in "BC"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert held(api)["shared"] == {"B": "B", "C": "C"}


def test_refusal_says_what_was_asked(api: Api, store: Secrets) -> None:
    """A Role that is not bound is the usual fault."""
    api.forbidden.add("api")
    with pytest.raises(Transient, match=r'GET /api/v1/namespaces/demae/secrets/api: 403: secrets "api" is forbidden'):
        keep(store)


def test_outside_of_a_cluster_says_so(tmp_path: Path) -> None:
    """No traceback about a missing file."""
    with pytest.raises(Transient, match="no service account"):
        kubernetes.in_cluster(tmp_path)
