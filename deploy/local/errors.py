"""The refusals that only local processes have; see runtime.errors."""

from runtime.errors import Refusal


class FetchError(Refusal):
    """Maven could not bring everything."""


class PostgresError(Refusal):
    """The server could not be initialised or started."""


class TopicsDifferError(Refusal):
    """A topic exists with another number of partitions."""
