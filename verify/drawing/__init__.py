"""Pictures and tables of the documentation that are made from the rules: `make drawing`."""
