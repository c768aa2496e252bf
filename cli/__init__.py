"""The `demae` command: everything a person asks the running system. It speaks GraphQL like any other client."""
