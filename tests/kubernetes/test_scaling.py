"""What scales on what, held against the code: groups, topics, due rows, partitions, connections."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from api import __main__ as api
from bootstrap.secrets import Values, secrets_of
from chassis.consumer import Consumer
from chassis.database import Database
from chassis.kafka import Log
from chassis.migrate import roles
from chassis.testing import FakeBroker
from delivery import __main__ as delivery
from payment import __main__ as payment
from restaurant import __main__ as restaurant
from runtime.layout import ROOT
from tests.support.overlays import DEMO, Document, document, documents, new_services, overlay, read

Build = Callable[[Database, Log], Consumer]

# Deployment → (its service, how its consumer is put together).
CONSUMERS: Mapping[str, tuple[str, Build]] = {
    "api-projector": ("api", lambda db, log: api.build(db, log, {})),
    "delivery": ("delivery", delivery.build),
    "payment": ("payment", lambda db, log: payment.build(db, log, None, 1)[0]),  # type: ignore[arg-type]
    "restaurant": ("restaurant", restaurant.build),
}
# Whoever sleeps keeps something waiting that no event ends, or that nobody else can do.
AWAKE = {
    "api-projector": "it counts the ticks",
    "keeper": "it writes them, and repairs change data capture",
    "notifier": "it holds people's sockets",
    "api-http": "it is asked",
    "edge": "it is asked",
    **({"provider": "it is asked"} if DEMO else {}),
    "connect": "it carries every event",
    "bootstrap": "it is how a new version's tables come",
}
KNOWN_METADATA = {
    "kafka": {
        "bootstrapServers",
        "version",
        "consumerGroup",
        "topic",
        "offsetResetPolicy",
        "lagThreshold",
        "activationLagThreshold",
    },
    "postgresql": {"query", "targetQueryValue", "activationTargetQueryValue"},
}
# Connections that one replica may open, and the words of the code that say so.
POOLS = {
    "api-projector": (4, "services/api/__main__.py", 'Database(settings.database_url, "api projector")'),
    "api-http": (4, "services/api/settings.py", "pool_size: int = 4"),
    "delivery": (2, "services/delivery/__main__.py", "size=2"),
    "keeper": (2, "services/keeper/__main__.py", "size=2"),
    "notifier": (4, "services/notifier/__main__.py", "POOL_SIZE = 4"),
    "payment": (6, "services/payment/__main__.py", "CONNECTIONS = 6"),
    "restaurant": (2, "services/restaurant/__main__.py", "size=2"),
}
OTHERS = 20  # KEDA, Connect, bootstrap, the reserve of superusers, a person


def scaled(kind: str) -> dict[str, Document]:
    """Deployment → its autoscaler of this kind."""
    return {one["spec"]["scaleTargetRef"]["name"]: one for one in documents("full", kind)}


def triggers(name: str, kind: str) -> list[dict[str, Any]]:
    """Of a ScaledObject."""
    found: list[dict[str, Any]] = scaled("ScaledObject")[name]["spec"]["triggers"]
    return [one for one in found if one["type"] == kind]


def topics_read(name: str) -> set[str]:
    """What the consumer subscribes to, by its code."""
    consumer = CONSUMERS[name][1](Database("postgresql://nobody@localhost/none", "test"), FakeBroker({}).log("test"))
    return set(consumer.topics)


def test_every_consumer_scales() -> None:
    """A service that runs as a plain consumer has its ScaledObject, and nothing else has one."""
    assert set(scaled("ScaledObject")) == set(CONSUMERS)


def test_only_these_sleep() -> None:
    """Each Deployment may go to none, or stands in the list of those that may not, with a reason, or is new."""
    sleeping = {name for name, one in scaled("ScaledObject").items() if one["spec"].get("minReplicaCount", 0) == 0}
    deployed = {one["metadata"]["name"] for one in documents("full", "Deployment")}
    assert deployed == sleeping | set(AWAKE) | new_services()
    assert not sleeping & set(AWAKE)


@pytest.mark.parametrize("name", CONSUMERS)
def test_groups_are_those_of_the_code(name: str) -> None:
    """A misspelt group has no lag, and its service would sleep for ever."""
    service, _ = CONSUMERS[name]
    assert f'KafkaLog(settings, group="{service}")' in read(f"services/{service}/__main__.py")
    assert {one["metadata"]["consumerGroup"] for one in triggers(name, "kafka")} == {service}


@pytest.mark.parametrize("name", CONSUMERS)
def test_sleepers_are_woken_by_every_topic(name: str) -> None:
    """What a sleeping service reads wakes it, whichever topic it comes on."""
    waking = {one["metadata"]["topic"] for one in triggers(name, "kafka")}
    assert waking <= topics_read(name)
    assert name in AWAKE or waking == topics_read(name)


SLEEPERS = sorted(set(CONSUMERS) - set(AWAKE))


@pytest.mark.parametrize("name", SLEEPERS)
def test_sleepers_are_kept_by_rows(name: str) -> None:
    """A timer is a row, and so is a person's decision about a parked event: no event brings a sleeper back to it."""
    asked = triggers(name, "postgresql")
    assert [one["name"] for one in asked] == ["due", "parked"]
    for one in asked:
        login = document("full", "TriggerAuthentication", one["authenticationRef"]["name"])
        (given,) = login["spec"]["secretTargetRef"]
        assert (given["parameter"], given["name"]) == ("connection", name)
        assert given["key"] in secrets_made()[name]


@pytest.mark.parametrize("name", SLEEPERS)
def test_parked_events_are_no_load(name: str) -> None:
    """They wait for a person: one replica keeps their alarm and does what is decided, a second would do nothing."""
    (asked,) = (one["metadata"] for one in triggers(name, "postgresql") if one["name"] == "parked")
    assert f"{CONSUMERS[name][0]}.parked LIMIT 1" in asked["query"]
    assert asked["targetQueryValue"] == "1"


def secrets_made() -> dict[str, dict[str, str]]:
    """The Secrets of a cluster, as bootstrap makes them."""
    services = ROOT / "services"
    values = Values("postgresql://postgres:word@postgres/postgres", dict.fromkeys(roles(services), "word"), "j", "p")
    return secrets_of(services, values)


@pytest.mark.parametrize("name", CONSUMERS)
def test_triggers_have_what_they_need(name: str) -> None:
    """A trigger's own settings are free text to every schema: here they are not."""
    for kind, known in KNOWN_METADATA.items():
        for one in triggers(name, kind):
            assert set(one["metadata"]) <= known
            assert all(isinstance(value, str) for value in one["metadata"].values())
    for one in triggers(name, "kafka"):
        # Kafka 4 refuses requests of before 2.1, and the scaler's default is 1.0.0.
        assert tuple(map(int, one["metadata"]["version"].split("."))) >= (2, 1)
        assert one["metadata"]["offsetResetPolicy"] == "earliest"
        assert one["metadata"]["bootstrapServers"] == "kafka.demae.svc:9092"


@pytest.mark.parametrize("name", CONSUMERS)
def test_no_more_replicas_than_partitions(name: str) -> None:
    """One more would have nothing to read."""
    partitions = {topic: one["partitions"] for topic, one in json.loads(read("contracts/topics.json")).items()}
    most = scaled("ScaledObject")[name]["spec"]["maxReplicaCount"]
    assert all(most <= partitions[one["metadata"]["topic"]] for one in triggers(name, "kafka"))


def test_connections_suffice() -> None:
    """Everything at its largest still finds a connection."""
    most = {name: one["spec"]["maxReplicaCount"] for name, one in scaled("ScaledObject").items()}
    most |= {name: one["spec"]["maxReplicas"] for name, one in scaled("HorizontalPodAutoscaler").items()}
    for _, path, words in POOLS.values():
        assert words in read(path)
    needed = sum(most.get(name, 1) * pool for name, (pool, *_) in POOLS.items())
    postgres = document("full", "StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"][0]["args"]
    allowed = next(int(one.partition("=")[2]) for one in postgres if "max_connections" in one)
    assert needed + OTHERS <= allowed
    cluster = document("operators", "Cluster", "postgres")["spec"]["postgresql"]["parameters"]
    assert needed + OTHERS <= int(cluster["max_connections"])


def test_replicas_have_one_owner() -> None:
    """A number in the manifest would be set back at each apply."""
    owned = set(scaled("ScaledObject")) | set(scaled("HorizontalPodAutoscaler"))
    kept = {one["metadata"]["name"] for one in documents("full", "Deployment") if "replicas" in one["spec"]}
    assert not owned & kept


def test_sockets_are_cut_slowly() -> None:
    """A notifier or an edge that goes takes its sockets with it: one replica in five minutes."""
    for name in ("notifier", "edge"):
        (policy,) = scaled("HorizontalPodAutoscaler")[name]["spec"]["behavior"]["scaleDown"]["policies"]
        assert (policy["value"], policy["periodSeconds"]) == (1, 300)


@pytest.mark.parametrize("kind", ["HTTPRoute", "Ingress"])
def test_sockets_outlive_the_front_door(kind: str) -> None:
    """A time-out of a request would end each WebSocket after it."""
    rendered = next(one for one in overlay("full") if one["kind"] == kind and one["metadata"]["name"] == "demae")
    if kind == "HTTPRoute":
        assert rendered["spec"]["rules"][0]["timeouts"] == {"request": "0s", "backendRequest": "0s"}
    else:
        assert rendered["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "3600"
