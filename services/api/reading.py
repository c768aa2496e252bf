"""How api reads every version of an event that was ever written; the rules see the newest."""

from api import events
from api.events import ItemsOutOfStock, ItemsOutOfStockV1, Missing
from chassis.envelope import Reads, Versions


def _counted(old: ItemsOutOfStockV1) -> ItemsOutOfStock:
    """Nobody had counted: none, which is what was meant."""
    return ItemsOutOfStock(tuple(Missing(item_id, 0) for item_id in old.items))


READS: Reads = {
    **events.READS,
    "items_out_of_stock": Versions({1: ItemsOutOfStockV1, 2: ItemsOutOfStock}, {1: _counted}),
}
