"""The connector's configuration, as one pure function: publication in, Kafka Connect properties out."""

from collections.abc import Sequence
from dataclasses import dataclass

NAME = "demae"  # of the connector, its slot and its publication; Kafka Connect's stored position hangs on it
PUBLICATION = "demae"
SLOT = "demae"
CLOCK_TABLE = "keeper.outbox"

# The router's headers, column → header: with the two constants a CloudEvent in the Kafka binding's binary mode.
HEADERS = {
    "id": "ce_id",
    "source": "ce_source",
    "type": "ce_type",
    "at": "ce_time",
    "schema_version": "ce_schemaversion",
    "traceparent": "traceparent",
}
# Not by InsertHeader: it guesses types, and 1.0 would arrive as 1 (quoted: with its quotes). A static field is text.
SPECIFICATION = ("ce_specversion", "1.0")
CONTENT_TYPE = ("content-type", "application/json")
TEXT = "org.apache.kafka.connect.storage.StringConverter"


@dataclass(frozen=True)
class Source:
    """The database as the connector reaches it, and the tunables of reading it."""

    host: str
    port: int
    name: str
    user: str
    password: str
    sslmode: str = "prefer"
    sslrootcert: str = ""
    poll_milliseconds: int = 5
    journal_days: int = 7


def configuration(source: Source, tables: Sequence[str]) -> dict[str, str]:
    """What the connector must be, when the publication holds `tables` (`schema.table`)."""
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "topic.prefix": NAME,
        **_reading(source),
        **_repair(source, tables),
        **_routing(),
        **_writing(),
        # A broken connection is tried again for ever; a FAILED task is restarted by the keeper.
        "errors.max.retries": "-1",
        "retriable.restart.connector.wait.ms": "1000",
    }


def _reading(source: Source) -> dict[str, str]:
    return {
        "database.hostname": source.host,
        "database.port": str(source.port),
        "database.dbname": source.name,
        "database.user": source.user,
        "database.password": source.password,
        "database.sslmode": source.sslmode,
        **({"database.sslrootcert": source.sslrootcert} if source.sslrootcert else {}),
        "plugin.name": "pgoutput",
        "slot.name": SLOT,
        # Standbys keep a copy of it where the server has such (Postgres 17 and later), so that it outlives the primary.
        "slot.failover": "true",
        # A killed predecessor's session holds the slot until Postgres notices (wal_sender_timeout).
        "slot.max.retries": "60",
        "slot.retry.delay.ms": "500",
        "publication.name": PUBLICATION,
        "publication.autocreate.mode": "disabled",
        # A pattern, so that a new service flows without a new configuration.
        "table.include.list": r"[a-z0-9_]+\.(outbox|journal)",
        "skipped.operations": "u,d,t",
        "tombstones.on.delete": "false",
        "provide.transaction.metadata": "false",  # true loses rows silently on restart (debezium/dbz#76)
        "poll.interval.ms": str(source.poll_milliseconds),
        "extended.headers.enabled": "false",
    }


def _repair(source: Source, tables: Sequence[str]) -> dict[str, str]:
    """When the slot is gone the retained rows are read again in the order of `seq`, table by table."""
    overrides = {f"snapshot.select.statement.overrides.{table}": _statement(source, table) for table in sorted(tables)}
    return {
        "snapshot.mode": "when_needed",
        "snapshot.select.statement.overrides": ",".join(sorted(tables)),
        **overrides,
    }


def _statement(source: Source, table: str) -> str:
    return f"SELECT * FROM {table} {_extent(source, table)}"  # noqa: S608 - the publication's own names


def _extent(source: Source, table: str) -> str:
    if table == CLOCK_TABLE:
        return "WHERE false"  # old ticks say nothing; the clock itself repeats a lost one
    if table.endswith(".journal"):
        return f"WHERE at > now() - interval '{source.journal_days} days' ORDER BY seq"
    return "ORDER BY seq"


def _routing() -> dict[str, str]:
    return {
        "transforms": "version,versionheader,outbox,contenttype",
        "transforms.version.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.version.static.field": SPECIFICATION[0],
        "transforms.version.static.value": SPECIFICATION[1],
        "transforms.versionheader.type": "org.apache.kafka.connect.transforms.HeaderFrom$Value",
        "transforms.versionheader.fields": SPECIFICATION[0],
        "transforms.versionheader.headers": SPECIFICATION[0],
        "transforms.versionheader.operation": "copy",
        "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.table.field.event.id": "id",
        "transforms.outbox.table.field.event.key": "key",
        "transforms.outbox.table.field.event.type": "type",
        "transforms.outbox.table.field.event.payload": "payload",
        "transforms.outbox.table.expand.json.payload": "false",  # true re-types numbers
        "transforms.outbox.route.by.field": "topic",
        "transforms.outbox.route.topic.replacement": "${routedByValue}",
        "transforms.outbox.table.fields.additional.placement": ",".join(
            f"{column}:header:{header}" for column, header in HEADERS.items()
        ),
        "transforms.contenttype.type": "org.apache.kafka.connect.transforms.InsertHeader",
        "transforms.contenttype.header": CONTENT_TYPE[0],
        "transforms.contenttype.value.literal": CONTENT_TYPE[1],
    }


def _writing() -> dict[str, str]:
    # Never override acks or the number of requests in flight: order and durability hang on Connect's defaults.
    return {
        "key.converter": TEXT,
        "value.converter": TEXT,
        "header.converter": TEXT,
        "producer.override.linger.ms": "0",
        "producer.override.compression.type": "lz4",
    }
