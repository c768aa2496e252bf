"""What the runtimes share: where a system lies, its secrets, its processes, and what a person is told about it."""
