"""A broker that asks for a password over TLS, and a Connect worker that has one: processes of a test's own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from chassis.errors import Transient
from chassis.topics import partitions
from ground import ownership, ports
from ground.waiting import until
from local import fetch, java
from runtime import layout

DEPLOY = layout.ROOT / "deploy"
OWN = DEPLOY / "bring-your-own"
USER, WORD = "demae", "a-word-of-the-broker"
NARROW = "narrow"  # a user with the same password and no right at all
STORE_WORD = "of the key store"

# Behind the lines of the ordinary broker: of two lines for one property the last one counts.
SECURE = """
listeners=PLAINTEXT://127.0.0.1:${inner},CLIENTS://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${inner},CLIENTS://127.0.0.1:${port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CLIENTS:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location=${store}
ssl.keystore.password=${word}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:demae
"""

REST = """
listeners.https.ssl.keystore.type=PKCS12
listeners.https.ssl.keystore.location=${store}
listeners.https.ssl.keystore.password=${word}
listeners.https.ssl.key.password=${word}
"""


@dataclass(frozen=True)
class SecureBroker:
    """`ca` is the file of its certificate."""

    bootstrap: str
    store: Path
    ca: Path
    home: Path

    def public(self, ca: Path | None = None) -> dict[str, Any]:
        """KAFKA_PROPERTIES, as the documentation gives them."""
        words = Template((OWN / "kafka-properties.json").read_text())
        found: dict[str, Any] = json.loads(words.substitute(user=USER, ca=ca or self.ca))
        return found

    def properties(self, password: str = WORD, ca: Path | None = None) -> dict[str, Any]:
        """With KAFKA_PASSWORD: all that a client needs."""
        return {**self.public(ca), "sasl.password": password}


@contextmanager
def secure_broker() -> Iterator[SecureBroker]:
    """A broker of one's own that a client reaches by SASL_SSL only; gone with its data at the end."""
    ownership.sweep()
    home = ownership.folder()
    inner, port, controller = (ports.free_port() for _ in range(3))
    store, ca = make_certificate(home / "broker")
    values = {"port": port, "controller": controller, "data": home / "kafka", "inner": inner}
    text = (DEPLOY / "local" / "broker.properties").read_text() + SECURE
    file = home / "broker.properties"
    file.write_text(Template(text).substitute(values, store=store, word=STORE_WORD))
    users = [f"SCRAM-SHA-512=[name={name},password={WORD}]" for name in (USER, NARROW)]
    tool = [*java.command(jars(), java.TOOL), "kafka.tools.StorageTool", "format", "-t", "demae-secure-of-tests"]
    added = [word for user in users for word in ("--add-scram", user)]
    subprocess.run([*tool, "-c", str(file), *added], capture_output=True, check=True)
    broker = SecureBroker(f"127.0.0.1:{port}", store, ca, home)
    with running("kafka.Kafka", file, home / "broker.log", java.BROKER):
        try:
            until(lambda: answers(broker), 60, "the broker")
            yield broker
        finally:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def connect_worker(broker: SecureBroker) -> Iterator[str]:
    """A Connect worker with the documented lines, its REST interface over TLS; its address. It may not answer yet."""
    port = ports.free_port()
    text = (DEPLOY / "connect" / "worker.properties").read_text() + (OWN / "connect-worker.properties").read_text()
    values = {"kafka": broker.bootstrap, "host": "127.0.0.1", "port": port, "replicas": 1}
    text = text.replace("listeners=http://", "listeners=https://") + REST
    file = broker.home / "connect.properties"
    file.write_text(
        Template(text).substitute(values, user=USER, password=WORD, ca=broker.ca, store=broker.store, word=STORE_WORD)
    )
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    with running(main, file, broker.home / "connect.log", java.CONNECT):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def running(main: str, file: Path, log: Path, options: tuple[str, ...]) -> Iterator[None]:
    """A Java program, killed at the end."""
    quiet = f"-Dlog4j2.configurationFile={(DEPLOY / 'connect' / 'log4j2.yaml').as_uri()}"
    words = [*java.command(jars(), (*options, "-XX:TieredStopAtLevel=1", quiet), file.parent), main, str(file)]
    environment = {**os.environ, **ownership.mark(), **java.ENVIRONMENT}
    with (
        log.open("wb") as output,
        subprocess.Popen(words, stdout=output, stderr=output, env=environment, start_new_session=True) as process,
    ):
        try:
            yield
        finally:
            process.kill()


def make_certificate(name: Path) -> tuple[Path, Path]:
    """A key store, and the file of its self-signed certificate, for 127.0.0.1; by the tool that comes with Java."""
    store, ca = name.with_suffix(".p12"), name.with_suffix(".pem")
    tool = str(Path(java.program()).with_name("keytool"))
    common = ["-alias", "broker", "-keystore", str(store), "-storetype", "PKCS12", "-storepass", STORE_WORD]
    key = ["-keyalg", "EC", "-dname", "CN=broker", "-ext", "SAN=ip:127.0.0.1", "-ext", "BC=ca:true"]
    subprocess.run([tool, "-genkeypair", *common, *key], capture_output=True, check=True)
    subprocess.run([tool, "-exportcert", *common, "-rfc", "-file", str(ca)], capture_output=True, check=True)
    return store, ca


def jars() -> Path:
    """Fetched if need be."""
    where = layout.from_environment()
    fetch.fetch(where)
    return fetch.where(where).jars


def answers(broker: SecureBroker) -> bool:
    """Whether it lists its topics to who may ask."""
    try:
        partitions(broker.bootstrap, broker.properties(), seconds=2)
    except Transient:
        return False
    return True
