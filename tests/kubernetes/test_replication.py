"""What stands three times: brokers, topics, Postgres; and nothing of the base is lost on the way to the operators."""

from tests.support.overlays import Document, document, documents, overlay


def environment(manifest: Document) -> dict[str, str]:
    """The variables of a workload's container."""
    found = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    return {one["name"]: one.get("value", "") for one in found}


def broker() -> dict[str, str]:
    return environment(document("full", "StatefulSet", "kafka"))


def bootstrap(name: str) -> Document:
    """The settings of bootstrap in an overlay."""
    found: Document = next(
        one for one in documents(name, "ConfigMap") if one["metadata"]["name"].startswith("bootstrap-")
    )
    return found


def test_every_broker_has_a_vote() -> None:
    """As many voters as replicas, each by its own name."""
    replicas = document("full", "StatefulSet", "kafka")["spec"]["replicas"]
    voters = broker()["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
    assert voters == [f"{n}@kafka-{n}.kafka:9093" for n in range(replicas)]


def test_two_copies_before_a_write_counts() -> None:
    """In both ways to three brokers."""
    assert broker()["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
    assert document("operators", "Kafka", "kafka")["spec"]["kafka"]["config"]["min.insync.replicas"] == 2


def test_everything_is_kept_three_times() -> None:
    """Our topics, Connect's, and the broker's own."""
    for name in ("full", "operators"):
        assert bootstrap(name)["data"]["KAFKA_REPLICATION"] == "3"
        connect = environment(document(name, "Deployment", "connect"))
        assert {value for key, value in connect.items() if key.endswith("REPLICATION_FACTOR")} == {"3"}
    assert {value for key, value in broker().items() if key.endswith("REPLICATION_FACTOR")} == {"3"}


def test_operators_brokers_are_set_as_ours() -> None:
    """What the base says to its broker about groups and topics is said to Strimzi's as well."""
    config = document("operators", "Kafka", "kafka")["spec"]["kafka"]["config"]
    ours = {
        key.removeprefix("KAFKA_").lower().replace("_", "."): value
        for key, value in broker().items()
        if key.startswith(("KAFKA_GROUP_", "KAFKA_OFFSETS_", "KAFKA_TRANSACTION_", "KAFKA_SHARE_", "KAFKA_AUTO_"))
    }
    assert ours == {key: str(config.get(key)).lower() for key in ours}


def test_operators_postgres_is_set_as_ours() -> None:
    """At least as much as the base gives it."""
    cluster = document("operators", "Cluster", "postgres")["spec"]["postgresql"]["parameters"]
    args = document("full", "StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"][0]["args"]
    ours = dict(one.removeprefix("-c").split("=", 1) for one in args)
    for name in ("jit", "timezone", "max_connections"):
        assert cluster[name] == ours[name]


def test_promotion_leaves_no_event_of_a_lost_order() -> None:
    """An acknowledged commit is on a standby; the connector is sent what every standby has; its slot goes along."""
    spec = document("operators", "Cluster", "postgres")["spec"]
    assert spec["replicationSlots"]["highAvailability"] == {"enabled": True, "synchronizeLogicalDecoding": True}
    assert spec["postgresql"]["synchronous"]["dataDurability"] == "required"
    assert spec["postgresql"]["synchronous"]["failoverQuorum"] is True
    assert spec["postgresql"]["parameters"]["hot_standby_feedback"] == "on"
    assert int(spec["imageName"].rpartition(":")[2]) >= 17


def test_operators_replace_ours() -> None:
    """No broker and no database of the base is left beside theirs; the names that others know stay."""
    assert [one["metadata"]["name"] for one in documents("operators", "StatefulSet")] == []
    services = {one["metadata"]["name"]: one["spec"]["selector"] for one in documents("operators", "Service")}
    assert services["kafka"]["strimzi.io/cluster"] == document("operators", "Kafka", "kafka")["metadata"]["name"]
    assert services["postgres"]["cnpg.io/cluster"] == document("operators", "Cluster", "postgres")["metadata"]["name"]


def test_topics_have_one_owner() -> None:
    """bootstrap makes them, from the contracts; a topic operator would be a second."""
    assert not [one for one in overlay("operators") if one["kind"] == "KafkaTopic"]
    assert "entityOperator" not in document("operators", "Kafka", "kafka")["spec"]


def test_dev_pulls_nothing_of_ours() -> None:
    """An image that was not loaded is named at once."""
    for one in documents("dev", "Deployment"):
        containers = one["spec"]["template"]["spec"]
        for container in [*containers["containers"], *containers.get("initContainers", [])]:
            assert container["image"].startswith("demae/") == (container.get("imagePullPolicy") == "Never")
