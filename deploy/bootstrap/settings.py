"""The environment of bootstrap; each variable may be a secret file too."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from chassis.settings import KafkaSettings

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "demae"


class Settings(KafkaSettings):
    """ADMIN_DATABASE_URL is the server as its administrator, in any database; DB_PASSWORD_<ROLE>, or DB_PASSWORD for
    the rest, are what the roles get. With SECRET_STORE=kubernetes the Secrets of the cluster hold all of these; a URL
    in the environment is used instead of theirs, and copied into none.
    """

    secret_store: Literal["", "kubernetes"] = ""
    admin_database_url: str = Field(default="", validate_default=True)
    database_name: str = DATABASE
    kafka_replication: int = Field(default=1, ge=1)
    postgres_address: str = "postgres:5432"
    """With SECRET_STORE=kubernetes: the server of a Secret `bootstrap` that is made anew."""

    @field_validator("admin_database_url")
    @classmethod
    def given(cls, url: str, others: ValidationInfo) -> str:
        """Without a store of secrets it is missing like any other variable."""
        if not url and not others.data.get("secret_store"):
            raise PydanticCustomError("missing", "not set")
        return url
