"""Whole systems of one's own, to be disturbed: local processes, containers, or what is there. For tests and chaos."""
