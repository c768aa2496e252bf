"""A broker that is not ours: SASL and TLS on a real one, by the files of deploy/bring-your-own."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from bootstrap.reconcile import catalogue
from chassis.envelope import Record
from chassis.errors import Transient
from chassis.feed import Feed
from chassis.kafka import KafkaLog
from chassis.past import Past
from chassis.settings import ServiceSettings
from chassis.topics import create_topics, partitions
from ground.ports import free_port
from ground.waiting import until
from tests.support.databases import ROOT, TestServer, running_server
from tests.support.secure_kafka import NARROW, WORD, SecureBroker, connect_worker, make_certificate, secure_broker

PATHS = os.pathsep.join(str(ROOT / path) for path in ("chassis/src", "services", "deploy"))


@pytest.fixture(scope="module")
def broker() -> Iterator[SecureBroker]:
    """A broker that asks for a password over TLS."""
    with secure_broker() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    """A Postgres whose slot is ours alone."""
    with running_server() as running:
        yield running


def common(broker: SecureBroker, server: TestServer) -> dict[str, str]:
    """The environment that every process shares."""
    return {
        **os.environ,
        "PYTHONPATH": PATHS,
        "KAFKA_BOOTSTRAP": broker.bootstrap,
        "KAFKA_PROPERTIES": json.dumps(broker.public()),
        "KAFKA_PASSWORD": WORD,
        "ADMIN_DATABASE_URL": server.url(),
        "DB_PASSWORD": "test",
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(free_port()),
    }


def test_bootstrap_makes_the_topics(broker: SecureBroker, server: TestServer) -> None:
    """With the number of partitions of the catalogue."""
    words = [sys.executable, "-m", "bootstrap", "once", "--seconds", "60"]
    ended = subprocess.run(words, env=common(broker, server), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    wanted = {name: topic["partitions"] for name, topic in catalogue().items()}
    assert wanted.items() <= partitions(broker.bootstrap, broker.properties()).items()


def test_consumer_reads_through_it(broker: SecureBroker) -> None:
    """What another client wrote arrives in the client of a group."""
    create_topics(broker.bootstrap, {"own.events": {"partitions": 1}}, properties=broker.properties())
    produce(broker, "own.events")
    settings = ServiceSettings(
        database_url="unused", kafka_bootstrap=broker.bootstrap, kafka_properties=broker.properties()
    )
    assert [record.key for record in read(settings, "own", "own.events")] == [b"k"]


def test_documented_rights_are_enough(broker: SecureBroker) -> None:
    """A user with these and no others: it compares the topics, joins its group and reads, and reads without a group."""
    create_topics(broker.bootstrap, {"narrow.events": {"partitions": 1}}, properties=broker.properties())
    allow(broker, ResourceType.TOPIC, "narrow.events", AclOperation.READ)
    allow(broker, ResourceType.TOPIC, "narrow.events", AclOperation.DESCRIBE)
    allow(broker, ResourceType.GROUP, "narrow", AclOperation.READ)
    narrow = {**broker.properties(), "sasl.username": NARROW}
    until(lambda: "narrow.events" in partitions(broker.bootstrap, narrow), 20, "the rights")
    assert partitions(broker.bootstrap, narrow) == {"narrow.events": 1}
    settings = ServiceSettings(database_url="unused", kafka_bootstrap=broker.bootstrap, kafka_properties=narrow)
    heard: list[Record] = []
    feed = Feed(settings, ["narrow.events"], heard.extend)
    feed.start()
    until(lambda: feed.ready() is None, 20, "the end of the topic")
    produce(broker, "narrow.events")
    assert [record.key for record in read(settings, "narrow", "narrow.events")] == [b"k"]
    until(lambda: [record.key for record in heard] == [b"k"], 20, "the record")
    feed.stop()


def test_topic_without_a_right_is_not_empty(broker: SecureBroker) -> None:
    """A look at the past needs no group; what it may not see it does not take for nothing."""
    wanted = {name: {"partitions": 1} for name in ("seen.events", "hidden.events")}
    create_topics(broker.bootstrap, wanted, properties=broker.properties())
    allow(broker, ResourceType.TOPIC, "seen.events", AclOperation.READ)
    allow(broker, ResourceType.TOPIC, "seen.events", AclOperation.DESCRIBE)
    narrow = {**broker.properties(), "sasl.username": NARROW}
    until(lambda: "seen.events" in partitions(broker.bootstrap, narrow), 20, "the rights")
    produce(broker, "seen.events")
    settings = ServiceSettings(database_url="unused", kafka_bootstrap=broker.bootstrap, kafka_properties=narrow)
    with closing(Past(settings)) as past:
        assert [record.key for record in past.since("seen.events", [0], None)] == [b"k"]
        with pytest.raises(Transient, match=r"hidden.events: TOPIC_AUTHORIZATION_FAILED"):
            past.partitions("hidden.events")


def allow(broker: SecureBroker, kind: ResourceType, name: str, operation: AclOperation) -> None:
    """One right of the narrow user."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **broker.properties()})
    right = AclPermissionType.ALLOW
    rule = AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{NARROW}", "*", operation, right)
    for future in admin.create_acls([rule]).values():
        future.result()


def produce(broker: SecureBroker, topic: str) -> None:
    """One record, by another client."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, **broker.properties()})
    producer.produce(topic, key=b"k", value=b"{}")
    assert producer.flush(20) == 0


def read(settings: ServiceSettings, group: str, topic: str) -> list[Record]:
    """The first records that a group's member is given."""
    log = KafkaLog(settings, group)
    try:
        log.subscribe([topic], lambda places: dict.fromkeys(places, 0), lambda _places: None)
        end = time.monotonic() + 30
        while not (records := log.fetch(10, 0.5)) and time.monotonic() < end:
            pass
        return records
    finally:
        log.close()


def test_wrong_password_says_so(broker: SecureBroker) -> None:
    """Not a time-out that a person must guess at."""
    with pytest.raises(Transient, match=r"_AUTHENTICATION.*Authentication failed") as refusal:
        partitions(broker.bootstrap, broker.properties(password="another word"), seconds=5)
    assert "another word" not in str(refusal.value)


def test_untrusted_certificate_says_so(broker: SecureBroker, tmp_path: Path) -> None:
    """The broker's certificate is not signed by whom the client trusts."""
    _, stranger = make_certificate(tmp_path / "stranger")
    with pytest.raises(Transient, match=r"_SSL.*certificate verify failed"):
        partitions(broker.bootstrap, broker.properties(ca=stranger), seconds=5)


def test_certificate_may_stand_in_the_properties(broker: SecureBroker) -> None:
    """A container has no file of its own for it."""
    properties = {**broker.properties(), "ssl.ca.pem": broker.ca.read_text()}
    del properties["ssl.ca.location"]
    partitions(broker.bootstrap, properties)


def test_service_that_is_refused_waits(broker: SecureBroker, server: TestServer, tmp_path: Path) -> None:
    """A refusal at start is the reason at /ready; nothing dies of it, and the password is nowhere."""
    url = server.url("delivery", server.template)
    variables = {**common(broker, server), "KAFKA_PASSWORD": "another word", "DATABASE_URL": url}
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen([sys.executable, "-m", "delivery"], env=variables, stderr=output) as p,
    ):
        try:
            until(lambda: "_AUTHENTICATION" in not_ready(variables["HEALTH_PORT"]), 30, "the reason")
            assert (p.poll(), "another word" in log.read_text()) == (None, False)
        finally:
            p.kill()


def test_too_few_brokers_say_so(broker: SecureBroker) -> None:
    """KAFKA_REPLICATION is held against what is there."""
    with pytest.raises(Transient, match=r"topic thrice\.events: INVALID_REPLICATION_FACTOR"):
        create_topics(broker.bootstrap, {"thrice.events": {"partitions": 1}}, 3, broker.properties())


def test_whole_chain_runs_through_it(broker: SecureBroker, server: TestServer, tmp_path: Path) -> None:
    """Connect with the documented lines and over TLS, the keeper with the documented properties: a tick goes round."""
    variables = common(broker, server)
    subprocess.run([sys.executable, "-m", "bootstrap", "once"], env=variables, check=True, stdout=subprocess.DEVNULL)
    with psycopg.connect(server.url()) as db:
        port = db.info.port
    with connect_worker(broker) as address:
        variables |= {
            "DATABASE_URL": server.url("keeper", "demae"),
            "CONNECT_URL": address,
            "SSL_CERT_FILE": str(broker.ca),
            "CDC_DATABASE_HOST": "127.0.0.1",
            "CDC_DATABASE_PORT": str(port),
            "CDC_DATABASE_PASSWORD": "test",
        }
        log = tmp_path / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen([sys.executable, "-m", "keeper"], env=variables, stderr=output) as p,
        ):
            try:
                until(lambda: not_ready(variables["HEALTH_PORT"]) == "", 90, "the first tick")
                assert p.poll() is None
            finally:
                p.kill()


def not_ready(port: str) -> str:
    """What /ready says against it; empty when it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
    except OSError as error:
        return str(error)
