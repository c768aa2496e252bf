"""components/kafka-ha, run: three brokers as their StatefulSet says, on a container engine in place of a cluster."""

import copy
import os
import sys
from collections.abc import Iterator

import pytest

from cluster.manifests import Manifest, Workload
from containers import images
from containers.engine import Engine
from ground import container_runs
from ground.waiting import until
from runtime.errors import Refusal
from runtime.layout import ROOT
from tests.support.node import Node
from tests.support.overlays import document

pytestmark = pytest.mark.timeout(600)
BROKERS = range(3)

# Inside the network, where the brokers' names are known. As bootstrap does it.
CREATE = """
import sys
from confluent_kafka.admin import AdminClient
from bootstrap.reconcile import catalogue
from chassis.topics import create_topics
create_topics("kafka:9092", catalogue(), 3, {})
topics = AdminClient({"bootstrap.servers": "kafka:9092"}).list_topics(timeout=20).topics
print({len(partition.replicas) for name in catalogue() for partition in topics[name].partitions.values()})
"""
WRITE = """
from confluent_kafka import Producer
said = []
producer = Producer({"bootstrap.servers": "kafka:9092", "acks": "all", "delivery.timeout.ms": 15000, "log_level": 0})
producer.produce("ticks", b"1", partition=0, on_delivery=lambda error, _: said.append(error))
producer.flush(20)
print("written" if said == [None] else f"refused: {said}")
"""


class Brokers(Node):
    """Workloads named as the pods of one StatefulSet are."""

    def _net(self, workload: Workload, first: bool) -> list[str]:
        names = ["kafka", f"{workload.name}.kafka", f"{workload.name}.kafka.demae.svc"]
        return ["--network", self.network, *(word for name in names for word in ("--network-alias", name))]

    def run_inside(self, script: str) -> str:
        """What the script prints, run by the image of bootstrap."""
        words = [
            "run",
            "--rm",
            "--network",
            self.network,
            "--entrypoint",
            "python",
            images.tag("bootstrap"),
            "-c",
            script,
        ]
        done = self.engine.attempt(*words)
        return (done.out or done.err).strip()


def pod(number: int) -> Manifest:
    """The StatefulSet's pod of this number, by itself."""
    one = copy.deepcopy(document("full", "StatefulSet", "kafka"))
    one["metadata"]["name"] = f"kafka-{number}"
    own = {"POD": f"kafka-{number}", "NAMESPACE": "demae", "KAFKA_NODE_ID": str(number)}
    container = one["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [
        {"name": said["name"], "value": own[said["name"]]} if said["name"] in own else said for said in container["env"]
    ]
    return one


@pytest.fixture
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """All three are ready."""
    engine = Engine()
    try:
        engine.refuse_unfit()
    except Refusal as refused:
        if os.environ.get("RUNTIME") == "compose":
            pytest.fail(str(refused))
        pytest.skip(str(refused))
    if sys.platform != "linux":
        pytest.skip("needs an engine whose containers can be reached")
    container_runs.sweep()
    images.ensure(ROOT, lambda _: None)
    network = f"demae-brokers-{os.getpid()}"
    said = [word for key, value in container_runs.labels().items() for word in ("--label", f"{key}={value}")]
    engine.ask("network", "create", *said, network)
    kafka = images.overrides(ROOT).get("KAFKA_IMAGE", "apache/kafka:4.3.1")
    folder = tmp_path_factory.mktemp("brokers")
    three = Brokers(
        manifests=[pod(number) for number in BROKERS],
        network=network,
        folder=folder,
        images={"apache/kafka:4.3.1": kafka},
        secrets={},
        account=folder,
        server=("127.0.0.1", 1),
    )
    try:
        three.start()
        yield three
    finally:
        container_runs.remove_own()


def test_one_may_go_and_two_may_not(brokers: Brokers) -> None:
    """Topics are kept three times; a write needs two copies, and is refused where it would have one."""
    until(lambda: brokers.run_inside(CREATE) == "{3}", seconds=90)
    assert brokers.run_inside(WRITE) == "written"
    brokers.stop(brokers.named("kafka-0"))
    until(lambda: brokers.run_inside(WRITE) == "written", seconds=90)
    brokers.stop(brokers.named("kafka-1"))
    assert "refused" in brokers.run_inside(WRITE)
