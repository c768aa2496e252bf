"""The keeper's environment."""

from typing import Literal

from chassis.settings import ServiceSettings
from keeper.connector import Source


class Settings(ServiceSettings):
    """Beside the common ones: where Kafka Connect answers, and the database as the connector reaches it."""

    connect_url: str
    connect_user: str = ""
    connect_password: str = ""
    cdc_database_host: str
    cdc_database_port: int = 5432
    cdc_database_name: str = "demae"
    cdc_database_user: str = "cdc"
    cdc_database_password: str
    # As libpq has them; the file of certificates is the Connect worker's.
    cdc_database_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    cdc_database_sslrootcert: str = ""
    # How long the connector rests between two looks at the WAL; a hop's latency against Connect's idle CPU.
    cdc_poll_milliseconds: int = 5
    # How far back a repair reads the journal: as long as topic orders.journal keeps it.
    cdc_journal_days: int = 7

    def source(self) -> Source:
        """The part of it that goes into the connector's configuration."""
        return Source(
            host=self.cdc_database_host,
            port=self.cdc_database_port,
            name=self.cdc_database_name,
            user=self.cdc_database_user,
            password=self.cdc_database_password,
            sslmode=self.cdc_database_sslmode,
            sslrootcert=self.cdc_database_sslrootcert,
            poll_milliseconds=self.cdc_poll_milliseconds,
            journal_days=self.cdc_journal_days,
        )
