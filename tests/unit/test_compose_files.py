"""What deploy/compose.yaml says, against what stands elsewhere in the tree."""

import re
from typing import Any

import pytest
import yaml

from local import java, postgres
from runtime import discovery
from runtime.layout import ROOT

TEXT = (ROOT / "deploy" / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OPEN: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "compose.open.yaml").read_text())["services"]
UPSTREAM = ("postgres", "kafka", "connect")
OURS = [name for name in SERVICES if name not in (*UPSTREAM, "edge", "bootstrap", "provider", "actors")]
# What is an address, or of this broker's two listeners.
BROKER_ADDRESSES = {
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "log.dirs",
}
NAMED = {
    "BOOTSTRAP_SERVERS": "bootstrap.servers",
    "GROUP_ID": "group.id",
    "KEY_CONVERTER": "key.converter",
    "VALUE_CONVERTER": "value.converter",
    "CONFIG_STORAGE_TOPIC": "config.storage.topic",
    "OFFSET_STORAGE_TOPIC": "offset.storage.topic",
    "STATUS_STORAGE_TOPIC": "status.storage.topic",
    "OFFSET_FLUSH_INTERVAL_MS": "offset.flush.interval.ms",
    "SHUTDOWN_TIMEOUT": "task.shutdown.graceful.timeout.ms",
}


def properties(path: str) -> dict[str, str]:
    """The lines of a properties file."""
    lines = (ROOT / "deploy" / path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def dotted(variables: dict[str, Any], prefix: str) -> dict[str, str]:
    """KAFKA_A_B as a.b, the way the image does it."""
    found = {name: value for name, value in variables.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix).lower().replace("_", "."): str(value) for name, value in found.items()}


def test_every_process_is_there() -> None:
    """What is found in the folders of services and demo has a container of its name, and nothing else has."""
    wanted = {process.name for process in discovery.processes(ROOT)}
    assert set(SERVICES) - {*UPSTREAM, "edge", "bootstrap"} == wanted


def test_broker_is_that_of_local() -> None:
    """The same settings in both runtimes, addresses aside."""
    ours = dotted(SERVICES["kafka"]["environment"], "KAFKA_")
    options = {"heap.opts", "jvm.performance.opts", "log4j.root.loglevel", "log4j.loggers"}
    said = {name: value for name, value in ours.items() if name not in BROKER_ADDRESSES | options}
    wanted = properties("local/broker.properties")
    assert said == {name: value for name, value in wanted.items() if name not in BROKER_ADDRESSES}


def test_connect_is_that_of_local() -> None:
    """The same settings in both runtimes, addresses aside."""
    given = SERVICES["connect"]["environment"]
    said = dotted(given, "CONNECT_") | {NAMED[name]: str(value) for name, value in given.items() if name in NAMED}
    wanted = {**properties("connect/worker.properties"), "bootstrap.servers": "kafka:9092"}
    del wanted["listeners"]
    filled = {name: "1" if value == "${replicas}" else value for name, value in wanted.items()}
    assert said == filled


@pytest.mark.parametrize(("name", "options"), [("kafka", java.BROKER), ("connect", java.CONNECT)])
def test_java_is_as_small_as_in_local(name: str, options: tuple[str, ...]) -> None:
    """The same heap, collector and stacks."""
    given = SERVICES[name]["environment"]
    said = f"{given['KAFKA_HEAP_OPTS']} {given['KAFKA_JVM_PERFORMANCE_OPTS']}".split()
    assert set(said) == set(options)


def test_postgres_is_that_of_local() -> None:
    """The same settings in both runtimes, but where it listens, and what Postgres 17 does not know."""
    given = [re.sub(r"\$\{\w+:-(.*)\}", r"\1", word) for word in SERVICES["postgres"]["command"][1:]]
    said = dict(word.removeprefix("-c").split("=", 1) for word in given)
    elsewhere = ("listen_addresses", "unix_socket_directories", "io_method")
    wanted = {name: value for name, value in postgres.SETTINGS.items() if name not in elsewhere}
    assert said == wanted


@pytest.mark.parametrize("name", SERVICES)
def test_container_may_do_little(name: str) -> None:
    """Its files are read-only, it has no capability, gets none, and has an end to its memory and its log."""
    one = SERVICES[name]
    assert (one["read_only"], one["cap_drop"], one["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert any(where.split(":")[0] == "/tmp" for where in one["tmpfs"])
    assert one["mem_limit"]
    assert one["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ("bootstrap", "actors")])
def test_container_lives_on(name: str) -> None:
    """What dies is started again, has time to end, and says how it is."""
    one = SERVICES[name]
    assert one["restart"] == "unless-stopped"
    assert one["stop_grace_period"] in ("20s", "30s")
    assert one["healthcheck"]["test"]


def test_probes_are_few() -> None:
    """Every one starts a process: twelve containers that were asked twice a second took more than a core."""
    often = {name for name, one in SERVICES.items() if one["healthcheck"].get("start_interval") == "1s"}
    assert often == {"postgres", "kafka"}
    others = [one["healthcheck"] for name, one in SERVICES.items() if name not in (*often, "bootstrap", "actors")]
    assert {(one["start_interval"], one["interval"]) for one in others} == {("2s", "30s")}


def test_only_the_edge_is_published() -> None:
    """And that on this machine alone; the open layer publishes there too."""
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["edge"]
    published = [port for one in (SERVICES["edge"], *OPEN.values()) for port in one["ports"]]
    assert all(port.startswith("127.0.0.1:${DEMAE_") for port in published)
    assert set(OPEN) - {"provider"} == set(UPSTREAM)


def test_no_secret_stands_here() -> None:
    """Each process has a folder of its own, and no variable that holds a secret."""
    for name, one in SERVICES.items():
        mounts = [mount for mount in one.get("volumes", []) if mount.endswith(":/run/secrets:ro")]
        assert (
            mounts == [] if name in ("kafka", "connect", "edge") else mounts[0].endswith(f"}}/{name}:/run/secrets:ro")
        )
        said = one.get("environment", {})
        assert not [key for key in said if re.search(r"(PASSWORD|SECRET|KEY|DATABASE_URL)$", key)]


@pytest.mark.parametrize("name", UPSTREAM)
def test_upstream_images_are_variables(name: str) -> None:
    """By tag and digest, both overridable."""
    upper = name.upper()
    assert re.fullmatch(rf"\$\{{{upper}_IMAGE:-[^:]+:[\w.]+\}}\$\{{{upper}_DIGEST:-\}}", SERVICES[name]["image"])


@pytest.mark.parametrize("name", OURS)
def test_service_is_a_few_lines(name: str) -> None:
    """At most ten; everything else is said once."""
    block = re.split(r"\n\n|\n(?=\w)", TEXT.partition(f"\n  {name}:\n")[2])[0]
    assert len(block.strip().splitlines()) < 10


def test_order_of_starting_has_no_race() -> None:
    """Bootstrap begins when server and broker are well; services begin when it has ended well."""
    well = {"condition": "service_healthy"}
    assert SERVICES["bootstrap"]["depends_on"] == {"postgres": well, "kafka": well}
    after = {"bootstrap": {"condition": "service_completed_successfully"}}
    assert all(SERVICES[name]["depends_on"] == after for name in OURS)
