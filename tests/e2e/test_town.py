"""demo/actors against the real parts."""

from ground.stack import Stack
from tests.support import programs


def test_actors_play_a_town(stack: Stack) -> None:
    """Customers, kitchens and couriers bring every order to its end, in every kind of kitchen."""
    told = programs.run(stack, "actors", "--orders", "24", "--rate", "6", "--couriers", "12", "--period", "0.5")
    assert told.returncode == 0, told.stdout + told.stderr
