"""The load: customers who arrive at a rate whatever the system does, and follow their orders to the end."""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from bench.http import Http
from chaos.desk import Desk, Principal
from chaos.journeys import RESTAURANTS, Manner, Wish, wish
from chaos.operations import Answer, Shape
from chaos.polling import Polling
from chaos.sockets import Socket
from chaos.staff import PLENTY, SHELVES, Staff
from chaos.stories import Story
from check.history import Recorder, digest

CUSTOMERS = 12  # each has a socket, which takes a thousand open orders, but for
POLLING = 2  # who place by POST /orders, and poll
COURIERS = 150
SEEDED = 5
POLLS = 1000  # at once
PUSHES_KEPT = 20_000
MENU_SECONDS, MENU_LOOK_SECONDS = 60.0, 0.2


@dataclass(frozen=True)
class Target:
    """The system under load."""

    url: str
    jwt_secret: str
    seed: int


class Town:
    """Everybody, on one event loop. `faults` are what should not happen to the load itself."""

    def __init__(self, target: Target, recorder: Recorder) -> None:
        address = f"{target.url}/graphql"
        self._seed = target.seed
        self._tasks: set[asyncio.Task[None]] = set()
        self._dice = Random(f"town {target.seed}")
        self.desk = Desk(address, target.jwt_secret, recorder)
        self.staff = Staff(self.desk, target.seed, self.spawn)
        self.stories: list[Story] = []
        self.open: dict[str, Story] = {}
        """Acknowledged, and not told to the end."""
        self.pushes: deque[tuple[float, str, int]] = deque(maxlen=PUSHES_KEPT)
        """(unix time, order, version) of the youngest pushes."""
        self.faults: list[str] = []
        self._customers = [self.desk.principal(f"customer-{n:02}", "customer") for n in range(CUSTOMERS)]
        self._polls = Http(target.url, POLLS)
        self._following = [self._follower(address, n, who, recorder) for n, who in enumerate(self._customers)]

    @property
    def couriers(self) -> list[str]:
        """Their names; the first SEEDED are those whom a new system has on shift."""
        return [f"c-{number:02}" for number in range(1, COURIERS + 1)]

    async def begin(self) -> None:
        """Menus there, couriers on shift, little of the scarce dish, sockets open. Raises TimeoutError."""
        await self._menus()
        for one in self._following:
            self.spawn(one.run())
        await asyncio.gather(*(self.staff.begin_shift(name) for name in self.couriers))
        await asyncio.gather(*(self.staff.restock(*shelf) for shelf in SHELVES))

    async def arrive(self, rate: float, seconds: float) -> None:
        """Open loop: order i is due at i/rate, and waits for nobody."""
        begin = time.time()
        for number in range(int(rate * seconds)):
            if (early := begin + number / rate - time.time()) > 0:
                await asyncio.sleep(early)
            self.welcome(wish(self._seed, number))

    def welcome(self, wanted: Wish) -> Story:
        """A customer comes with this wish; what follows happens beside the caller."""
        number = len(self.stories)
        story = Story(number, wanted, f"chaos-{self._seed}-{number:06}", time.time())
        self.stories.append(story)
        self.spawn(self._live(story))
        return story

    async def strike(self, on: bool) -> None:
        """All couriers end their shift, or begin it."""
        self.staff.striking = on
        change = self.staff.end_shift if on else self.staff.begin_shift
        await asyncio.gather(*(change(name) for name in self.couriers))

    def customer(self, story: Story) -> Principal:
        """Who placed it."""
        return self._customers[story.number % CUSTOMERS]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that somebody does beside the others."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def tidy(self) -> None:
        """For those who use the system next: enough of every dish, and those on shift whom a new system has."""
        await asyncio.gather(*(self.staff.end_shift(name) for name in self.couriers[SEEDED:]))
        await asyncio.gather(*(self.staff.count(restaurant, item, PLENTY) for restaurant, item, _ in SHELVES))

    async def end(self) -> None:
        """Everybody leaves; what is under way is cut off."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.desk.close()
        self._polls.close()

    def unsettled(self) -> list[Story]:
        """Orders that were not told to their end."""
        return [story for story in self.stories if not story.over]

    def _follower(self, address: str, number: int, who: Principal, recorder: Recorder) -> Socket | Polling:
        if number < POLLING:
            return Polling(self._polls, who, recorder, self._told, self.spawn)
        return Socket(address, who, recorder, self._told)

    async def _menus(self) -> None:
        deadline = time.monotonic() + MENU_SECONDS
        while missing := [name for name in RESTAURANTS if not await self.desk.serves(name)]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"there is no menu of {', '.join(sorted(missing))}")
            await asyncio.sleep(MENU_LOOK_SECONDS)

    async def _live(self, story: Story) -> None:
        """Place, watch, and change one's mind perhaps; the rest happens on pushes."""
        turn = story.number % CUSTOMERS
        customer = self.customer(story)
        said = await self._place(story, customer)
        if said.order is None:
            story.refused = said.code or "nothing"
            self.faults.append(f"placeOrder of order {story.number} was refused: {said.code}")
            return
        story.id = said.order["id"]
        self.open[story.id] = story
        await self._following[turn].watch(story)
        if story.wish.curious:
            await self._following[turn - 1].peep(story.id)
        if story.wish.cancel and not story.wish.cancel.status and story.first("cancel"):
            await self.staff.cancel(story, customer)

    async def _place(self, story: Story, customer: Principal) -> Answer:
        wanted = _input(story, story.wish.item)
        placing = self._order(customer, wanted, impatient=story.wish.manner is Manner.LOST)
        if story.wish.manner is Manner.TWICE:
            first, second = await asyncio.gather(placing, self._order(customer, wanted))
            return first if first.order else second
        said = await placing
        if story.wish.manner is Manner.OTHER:
            await self._order(customer, wanted | {"items": [{"itemId": story.wish.item, "quantity": 2}]})
        return said

    async def _order(self, customer: Principal, wanted: Shape, *, impatient: bool = False) -> Answer:
        items = {line["itemId"]: line["quantity"] for line in wanted["items"]}
        told = digest(wanted["restaurantId"], items, wanted["paymentMethod"])
        rest = customer in self._customers[:POLLING]
        return await self.desk.place(customer, wanted, told, rest=rest, impatient=impatient)

    def _told(self, story: Story, order: Shape, now: float) -> None:
        self.pushes.append((now, story.id, story.version))
        if story.settled:
            self.open.pop(story.id, None)
        self.staff.told(story, self.customer(story), order)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.faults.append(f"the load broke: {error!r}")


def _input(story: Story, item: str) -> Shape:
    line = {"itemId": item, "quantity": 1}
    wanted = {"idempotencyKey": story.key, "restaurantId": story.wish.restaurant, "items": [line]}
    return wanted | {"paymentMethod": story.wish.card}
