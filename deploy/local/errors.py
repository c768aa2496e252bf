"""What a person can do something about: the message is all that is printed, without a traceback."""


class LocalError(RuntimeError):
    """Base of every refusal of the local runtime; its message says what is wrong and what to do."""


class FetchError(LocalError):
    """Maven could not bring everything."""


class PortTaken(LocalError):
    """Somebody listens where this system wants to."""


class PostgresError(LocalError):
    """The server could not be initialised or started."""


class PartFailedError(LocalError):
    """A part does not start, or did not get ready in time."""


class TopicsDifferError(LocalError):
    """A topic exists with another number of partitions."""


class NotUpError(LocalError):
    """No supervisor answers at this place."""


class BusyError(LocalError):
    """Another command is changing this system now."""
