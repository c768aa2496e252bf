"""The connector's configuration is a function of the publication."""

from dataclasses import replace

from keeper.connector import Source, configuration

SOURCE = Source("db", 5432, "demae", "cdc", "secret")
TABLES = ["api.journal", "api.outbox", "keeper.outbox", "payment.outbox"]
OVERRIDES = "snapshot.select.statement.overrides"


def statement(table: str) -> str:
    """How a repair reads the table."""
    return configuration(SOURCE, TABLES)[f"{OVERRIDES}.{table}"]


def test_every_table_is_read_in_order() -> None:
    """A table left out of the list would be re-read out of order."""
    config = configuration(SOURCE, TABLES)
    assert config[OVERRIDES].split(",") == TABLES
    assert statement("payment.outbox") == "SELECT * FROM payment.outbox ORDER BY seq"


def test_journal_is_read_in_its_window() -> None:
    """The journal's table keeps everything; a repair reads back what the topic keeps."""
    assert statement("api.journal").endswith("WHERE at > now() - interval '7 days' ORDER BY seq")


def test_ticks_are_never_read_again() -> None:
    """Old ticks would say that time passed."""
    assert statement("keeper.outbox") == "SELECT * FROM keeper.outbox WHERE false"


def test_order_of_tables_is_no_change() -> None:
    """The same publication is the same configuration: nothing is registered twice."""
    assert configuration(SOURCE, TABLES) == configuration(SOURCE, list(reversed(TABLES)))


def test_producer_keeps_the_order() -> None:
    """Connect's defaults (all acks, one request in flight) hold the order; nobody may override them."""
    overridden = {name for name in configuration(SOURCE, TABLES) if name.startswith("producer.override.")}
    assert overridden == {"producer.override.linger.ms", "producer.override.compression.type"}


def test_slot_outlives_its_primary() -> None:
    """A slot without this is not copied to standbys: after their promotion the outboxes would be read again whole."""
    assert configuration(SOURCE, TABLES)["slot.failover"] == "true"


def test_certificates_are_checked_on_demand() -> None:
    """A managed database's certificate, by a file that the worker has; without one the driver's default stands."""
    assert "database.sslrootcert" not in configuration(SOURCE, TABLES)
    checked = replace(SOURCE, sslmode="verify-full", sslrootcert="/ca.pem")
    config = configuration(checked, TABLES)
    assert (config["database.sslmode"], config["database.sslrootcert"]) == ("verify-full", "/ca.pem")
