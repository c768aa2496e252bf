"""What a person can do something about: the message is all that is printed, without a traceback."""


class Refusal(RuntimeError):
    """Base of every refusal of a runtime; its message says what is wrong and what to do."""


class PortTaken(Refusal):
    """Somebody listens where this system wants to."""


class PartFailedError(Refusal):
    """A part does not start, or did not get ready in time."""


class NotUpError(Refusal):
    """Nothing runs at this place."""


class BusyError(Refusal):
    """Another command is changing this system now."""
