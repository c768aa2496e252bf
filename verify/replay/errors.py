"""What stops a replay: one sentence that says why, and what to do."""


class CannotLookError(Exception):
    """Nothing was judged."""


class UnreadableError(Exception):
    """One row of the journal holds what is no fact."""
