"""What a stand-in and upstream's image must have in common. Runs on upstream's too: set POSTGRES_IMAGE and so on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers import base_images
from runtime.layout import ROOT
from tests.support import throwaway
from tests.support.throwaway import Running, environment, network, once, started

UPSTREAM = {
    "PYTHON": "python:3.13-slim",
    "POSTGRES": "postgres:17",
    "KAFKA": "apache/kafka:4.3.1",
    "CONNECT": "quay.io/debezium/connect:3.6",
    "CADDY": "caddy:2",
    "MAVEN": "maven:3-eclipse-temurin-21",
}
KAFKA_BIN = "/opt/kafka/bin"
BROKER = ("--bootstrap-server", "localhost:9092")
READY = ("pg_isready", "-h", "127.0.0.1", "-U", "u", "-d", "d")


def image(name: str) -> str:
    """The image to judge; the test is skipped where it is not on the engine, and fails where containers are a must."""
    found = base_images.overrides(ROOT).get(f"{name}_IMAGE", UPSTREAM[name])
    if not throwaway.ENGINE.inspect("image", [found]):
        why = f"there is no image {found} here: make images OFFLINE=1, or docker pull {found}"
        if os.environ.get("RUNTIME") == "compose":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(autouse=True)
def _needs(engine: None) -> None:
    """All of them run containers."""


def test_python_is_in_usr_local() -> None:
    """Upstream's paths, which COPY between stages and every installer count on."""
    script = """
        for name in python pip python3.13; do command -v $name; done
        python -c 'import sys, sysconfig; print(sys.prefix, sysconfig.get_path("purelib"), sys.version_info[:2])'
        python -c 'import bz2, ctypes, lzma, sqlite3, ssl, uuid, zoneinfo; print(zoneinfo.ZoneInfo("Asia/Tokyo"))'
        python -m venv /tmp/v && /tmp/v/bin/pip --version
    """
    lines = once(image("PYTHON"), "sh", "-ec", script).out.splitlines()
    assert lines[:3] == ["/usr/local/bin/python", "/usr/local/bin/pip", "/usr/local/bin/python3.13"]
    assert lines[3:5] == ["/usr/local /usr/local/lib/python3.13/site-packages (3, 13)", "Asia/Tokyo"]
    assert "from /tmp/v/lib/python3.13" in lines[5]


def test_postgres_refuses_no_password() -> None:
    """Nobody gets a database that is open to everybody by leaving something out."""
    said = once(image("POSTGRES"))
    assert said.code == 1
    assert "superuser password is not specified" in said.out + said.err


def test_postgres_initialises_once(tmp_path: Path) -> None:
    """Variables and files at the first start, arguments at each; a fast stop; the data is kept."""
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "1.sql").write_text("CREATE TABLE a (i int); INSERT INTO a VALUES (1);")
    (tmp_path / "2.sh").write_text('psql -U "$POSTGRES_USER" "$POSTGRES_DB" -c "INSERT INTO a VALUES (2)"\n')
    tmp_path.chmod(0o755)
    mounts = [
        word
        for name in ("1.sql", "2.sh")
        for word in ("-v", f"{tmp_path}/{name}:/docker-entrypoint-initdb.d/{name}:ro")
    ]
    said = environment(
        POSTGRES_PASSWORD_FILE="/p", POSTGRES_USER="u", POSTGRES_DB="d", POSTGRES_INITDB_ARGS="-k --encoding=UTF8"
    )
    more = [*said, *mounts, "-v", f"{tmp_path}/password:/p:ro"]

    def asked(server: Running, query: str) -> str:
        words = ("psql", "-h", "127.0.0.1", "-U", "u", "-d", "d", "-tAc", query)
        return server.run(*words, more=environment(PGPASSWORD="s3cret")).out.strip()

    with started(image("POSTGRES"), "-c", "wal_level=logical", more=more) as server:
        server.does(*READY)
        assert asked(server, "SELECT sum(i) FROM a") == "3"
        assert asked(server, "SELECT current_setting('wal_level') || current_setting('data_checksums')") == "logicalon"
        assert asked(server, "SHOW data_directory") == "/var/lib/postgresql/data"
        assert server.run("stat", "-c", "%u", "/proc/1").out.strip() == "999"
        wrong = 'PGPASSWORD=no psql -h "$(hostname -i)" -U u -d d -c "SELECT 1"'
        assert "password authentication failed" in server.run("bash", "-c", wrong).err
        assert server.stop()[0] == 0
        throwaway.docker("start", server.name)
        server.does(*READY)
        assert asked(server, "SELECT sum(i) FROM a") == "3"
        server.says("Skipping initialization")


def test_postgres_as_own_user() -> None:
    """Started as 999 it needs no root and no capability, and no writable root but what is given."""
    given = ["--tmpfs", "/var/run/postgresql:mode=1777", "--tmpfs", "/var/lib/postgresql/data:uid=999,mode=0700"]
    more = [*throwaway.HARDENED, *given, "--user", "999:999", *environment(POSTGRES_PASSWORD="x")]
    with started(image("POSTGRES"), more=more) as server:
        server.does("pg_isready", "-h", "127.0.0.1")


def test_kafka_without_variables() -> None:
    """A broker with upstream's defaults and tools; a restart finds its storage formatted, which is no error."""
    with started(image("KAFKA")) as broker:
        broker.says("Kafka Server started")
        assert broker.run("id", "-u").out.strip() == "1000"
        broker.does(f"{KAFKA_BIN}/kafka-topics.sh", *BROKER, "--create", "--topic", "t")
        broker.does("nc", "-z", "localhost", "9092")
        assert broker.stop()[0] in {0, 143}
        throwaway.docker("start", broker.name)
        assert "t" in broker.does(f"{KAFKA_BIN}/kafka-topics.sh", *BROKER, "--list").split()


@pytest.fixture(scope="module")
def broker(engine: None) -> Iterator[tuple[str, Running]]:
    """A broker set up by variables alone, as compose does; with its network."""
    said = {
        **{"CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk", "KAFKA_NODE_ID": 7, "KAFKA_PROCESS_ROLES": "broker,controller"},
        **{"KAFKA_CONTROLLER_QUORUM_VOTERS": "7@localhost:9093", "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER"},
        **{"KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093", "KAFKA_X___Y__Z_W": 1},
        **{"KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://kafka:9092", "KAFKA_HEAP_OPTS": "-Xmx300m"},
        **{"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"},
        **{"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": 1, "KAFKA_LOG_DIRS": "/var/lib/kafka/data"},
    }
    with network("contracts") as net:
        more = ["--network", net, "--network-alias", "kafka", *environment(**said)]
        with started(image("KAFKA"), more=more) as running:
            running.says("Kafka Server started")
            yield net, running


def test_kafka_maps_variables(broker: tuple[str, Running]) -> None:
    """KAFKA_A_B is a.b, with _ and - by doubling; the JVM's own are not properties; the cluster's id is kept."""
    _, running = broker
    lines = running.run("cat", "/opt/kafka/config/server.properties").out.split()
    assert {"x-y_z.w=1", "node.id=7", "log.dirs=/var/lib/kafka/data"} <= set(lines)
    assert not [line for line in lines if "heap" in line]
    assert "cluster.id=MkU3OEVBNTcwNTJENDM2Qk" in running.run("cat", "/var/lib/kafka/data/meta.properties").out
    assert "-Xmx300m" in running.run("cat", "/proc/1/cmdline").out


def test_connect_maps_variables(broker: tuple[str, Running]) -> None:
    """The named variables and CONNECT_A_B; Debezium's plug-in, and nothing else, where upstream has it."""
    names = {f"{topic}_STORAGE_TOPIC": topic.lower() for topic in ("CONFIG", "OFFSET", "STATUS")}
    replicas = {f"CONNECT_{topic}_STORAGE_REPLICATION_FACTOR": 1 for topic in ("CONFIG", "OFFSET", "STATUS")}
    more = environment(BOOTSTRAP_SERVERS="kafka:9092", GROUP_ID="g", HEAP_OPTS="-Xmx300m", **names, **replicas)
    more += environment(OFFSET_FLUSH_INTERVAL_MS=1234, CONNECT_PLUGIN_DISCOVERY="service_load")
    with started(image("CONNECT"), more=["--network", broker[0], *more]) as worker:
        plugins = worker.does("curl", "-fsS", "http://localhost:8083/connector-plugins")
        assert "io.debezium.connector.postgresql.PostgresConnector" in plugins
        assert worker.run("id", "-u").out.strip() == "1001"
        assert worker.run("ls", "/kafka/connect/debezium-connector-postgres").code == 0
        lines = set(worker.run("cat", "/kafka/config/connect-distributed.properties").out.split())
        assert {"group.id=g", "config.storage.topic=config", "plugin.path=/kafka/connect"} <= lines
        assert {"offset.flush.interval.ms=1234", "plugin.discovery=service_load"} <= lines
        assert "value.converter=org.apache.kafka.connect.json.JsonConverter" in lines


def test_caddy_is_where_upstream_has_it() -> None:
    """Paths, folders, a default site on port 80, and busybox's wget for a health check."""
    with started(image("CADDY")) as server:
        server.does("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:80/")
        assert server.run("ls", "/etc/caddy/Caddyfile").code == 0
        assert server.run("sh", "-c", "command -v caddy; pwd").out.split() == ["/usr/bin/caddy", "/srv"]
        assert server.run("sh", "-c", "echo $XDG_CONFIG_HOME $XDG_DATA_HOME").out.split() == ["/config", "/data"]
        assert server.run("caddy", "validate", "--config", "/etc/caddy/Caddyfile").code == 0


def test_maven_has_java_21() -> None:
    """`mvn` on the path, on a Java of the version in upstream's name."""
    said = once(image("MAVEN"), "mvn", "--version").out
    assert "Apache Maven 3" in said
    assert "Java version: 21" in said
