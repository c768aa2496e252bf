"""What stops a replay: one sentence that says why, and what to do."""


class CannotLookError(Exception):
    """Nothing was judged."""
