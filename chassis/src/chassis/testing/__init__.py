"""Fakes that ship with the library: an in-memory broker whose members behave like the real client's."""

from chassis.testing.log import FakeBroker, FakeLog

__all__ = ["FakeBroker", "FakeLog"]
