"""The judge from outside: clients' histories, the provider's log, topics and tables against the invariants."""
