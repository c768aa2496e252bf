"""What the scaffold refuses."""


class ScaffoldError(Exception):
    """Nothing was written; the message says in one line what to do."""
