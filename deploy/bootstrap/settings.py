"""The environment of bootstrap; each variable may be a secret file too."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from chassis.settings import KafkaSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services"
DATABASE = "demae"


class Settings(KafkaSettings):
    """ADMIN_DATABASE_URL is the server as its administrator, in any database; DB_PASSWORD_<ROLE>, or DB_PASSWORD for
    the rest, are what the roles get. With SECRET_STORE=kubernetes the Secrets of the cluster hold all of these; a URL
    in the environment is used instead of theirs, and copied into none.
    """

    admin_database_url: str = ""
    database_name: str = DATABASE
    kafka_replication: int = Field(default=1, ge=1)
    secret_store: Literal["", "kubernetes"] = ""
    postgres_address: str = "postgres:5432"
    """With SECRET_STORE=kubernetes: the server of a Secret `bootstrap` that is made anew."""

    @model_validator(mode="after")
    def complete(self) -> "Settings":
        """The administrator's URL stands somewhere."""
        if not self.admin_database_url and not self.secret_store:
            raise ValueError("ADMIN_DATABASE_URL is not set: the URL of a role that may create roles and databases")
        return self
