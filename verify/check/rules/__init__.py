"""The invariants, one module for each subject: functions that look at one case and yield what is broken.

All are exact on a system that runs: what a service has not read yet, and what came after the tables' snapshot, is no
breach. What an order owes while an event of it is parked is judged after the release.
"""

from collections.abc import Callable, Iterator

from check.case import Breach, Case
from check.world import World

Rule = Callable[[Case, World], Iterator[Breach]]

MARGIN = 1.0  # seconds around the snapshot within which clients and provider may know more than the tables
