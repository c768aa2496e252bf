"""`python -m mutants`: what the design forbids, done on purpose to a system of its own; the check must see each."""
