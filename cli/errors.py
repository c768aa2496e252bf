"""What stops a command: one exception, one sentence for the person, one exit code."""

CONFIGURATION = 78  # EX_CONFIG of sysexits.h, as the services use it


class CommandError(Exception):
    """The command cannot do what was asked. The text says why and what to do next."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
