"""Buyers on asyncio: many at once, each operation kept in a history."""
import asyncio
import json
import time

from flashsale import PASSWORD, slowness
from history import Operation
from http1 import AsyncWire, Ended, Garbage

JSON = ("Content-Type", "application/json")


class Buyers:
    """Logged-in demo buyers of one server; tokens outlive a restart on the same data folder."""

    def __init__(self, server, history):
        self.server = server
        self.history = history
        self.tokens = {}

    async def login(self, names, at_once=50):
        names = [name for name in names if name not in self.tokens]
        gate = asyncio.Semaphore(at_once)

        async def one(name):
            async with gate:
                wire = AsyncWire(self.server.address)
                body = json.dumps({"username": name, "password": PASSWORD}).encode()
                answer = await wire.ask("POST", "/login", [JSON], body)
                wire.close()
                assert answer.status == 200, f"log-in of {name}: {answer}"
                self.tokens[name] = answer.json()["access_token"]

        await asyncio.gather(*map(one, names))

    def headers(self, buyer, key=None):
        headers = [JSON, ("Authorization", f"Bearer {self.tokens[buyer]}")]
        return headers + ([("Idempotency-Key", key)] if key else [])

    async def buy(self, wire, buyer, product, units=1, key=None):
        """One purchase, kept; a connection that ends leaves it without an answer."""
        operation = self.history.add(Operation(str(product), buyer, key, units, time.monotonic()))
        body = b'{"quantity":%d}' % units
        try:
            answer = await wire.ask("POST", f"/purchase/{product}", self.headers(buyer, key), body)
        except Garbage:
            raise
        except (Ended, OSError):
            wire.close()
            return operation
        operation.answered = time.monotonic()
        take(operation, answer)
        return operation

    async def lookup(self, wire, buyer, order):
        return await wire.ask("GET", f"/orders/{order}", self.headers(buyer))


def take(operation, answer):
    """Writes an answer into its operation."""
    operation.status = answer.status
    operation.body = answer.body
    if answer.status == 200:
        operation.order = str(answer.json()["order_id"])
        operation.replayed = answer.get("idempotency-replayed") == "true"
    else:
        operation.code = answer.code


async def released_at_once(connections, tasks):
    """Connects every wire first, then starts every coroutine function of tasks together."""
    await asyncio.gather(*(wire.connect() for wire in connections))
    go = asyncio.Event()

    async def one(task):
        await go.wait()
        return await task()

    running = [asyncio.create_task(one(task)) for task in tasks]
    await asyncio.sleep(0)
    go.set()
    return await asyncio.gather(*running)


class Load:
    """Closed-loop buyers until told to stop, or until the server is gone.

    choose(rng) -> (product, units).  Every purchase has a key of its own; one in ten is sent
    again with the same key, as a client that retries would."""

    def __init__(self, buyers, rng, choose, connections=32, prefix="k"):
        self.buyers = buyers
        self.rng = rng
        self.choose = choose
        self.prefix = prefix
        self.names = list(buyers.tokens)
        self.connections = connections
        self.stopped = False
        self.count = 0
        self.garbage = []
        self.tasks = []

    def start(self):
        self.tasks = [asyncio.create_task(self._one()) for _ in range(self.connections)]

    async def stop(self):
        self.stopped = True
        await asyncio.gather(*self.tasks)
        if self.garbage:
            raise self.garbage[0]

    async def _one(self):
        wire = AsyncWire(self.buyers.server.address)
        again = None
        while not self.stopped:
            if again and self.rng.random() < 0.1:
                buyer, product, units, key = again
            else:
                product, units = self.choose(self.rng)
                buyer, key = self.rng.choice(self.names), f"{self.prefix}-{self.count}"
                self.count += 1
            again = (buyer, product, units, key)
            try:
                operation = await self.buyers.buy(wire, buyer, product, units, key)
            except Garbage as problem:
                self.garbage.append(problem)
                break
            if operation.status is None:
                break  # the server went away; this connection is done
        wire.close()


def by_key(operations):
    """{key: the operation that says most}: an answer of 200 before a refusal before none.

    Fails when two answers of 200 to one key differ."""
    best = {}
    for one in operations:
        kept = best.get(one.key)
        if kept is not None and one.sold and kept.sold:
            assert one.body == kept.body, f"key {one.key}: {kept.body!r}, then {one.body!r}"
        if kept is None or _rank(one) > _rank(kept):
            best[one.key] = one
    return best


def _rank(operation):
    return 2 if operation.sold else 0 if operation.status is None else 1


async def settle(buyers, operations, connections=16):
    """Asks again with its key whatever was sold or had no answer; returns what differs.

    One that had no answer gets the one it is given now, so that afterwards all are known."""
    queue = [one for one in by_key(operations).values() if one.sold or one.status is None]
    problems = []

    async def one():
        wire = AsyncWire(buyers.server.address)
        while queue:
            first = queue.pop()
            headers = buyers.headers(first.buyer, first.key)
            body = b'{"quantity":%d}' % first.units
            limit = time.monotonic() + 20 * slowness()
            while True:  # a store that is busy for a moment is no answer
                answer = await wire.ask("POST", f"/purchase/{first.product}", headers, body)
                if answer.status not in (409, 503, 504) or time.monotonic() > limit:
                    break
                await asyncio.sleep(0.02)
            if first.status is None:
                take(first, answer)
                if answer.status not in (200, 400):
                    problems.append(f"unresolved: {answer}")
                continue
            if answer.status != 200 or answer.body != first.body:
                problems.append(f"lost: {first.body!r} is now {answer}")
            elif answer.get("idempotency-replayed") != "true":
                problems.append(f"decided again: {first.body!r}")
            problems.extend(await check_order(buyers, wire, first))
        wire.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return problems


async def check_order(buyers, wire, sold):
    """GET /orders finds what was sold, as it was sold."""
    found = await buyers.lookup(wire, sold.buyer, sold.order)
    if found.status != 200:
        return [f"GET /orders/{sold.order}: {found}"]
    order = found.json()
    wanted = {"order_id": sold.order, "product_id": sold.product, "quantity": sold.units}
    return [f"GET /orders/{sold.order}: {name} is {order.get(name)!r}, was {value!r}"
            for name, value in wanted.items() if str(order.get(name)) != str(value)]
