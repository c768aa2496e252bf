"""A guided tour: eight stories of one order each, told while they happen. `make demo`."""
