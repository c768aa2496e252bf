"""The event store, folded again: an order at any moment, and the whole read model beside the live one."""
