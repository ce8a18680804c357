"""Clients that send twice, and clients whose connection is cut before the answer: one key, one
order, and the truth can be asked for afterwards."""
import asyncio
import collections
import time

import pytest

from flashsale import sized, slowness
from history import History, Operation
from http1 import AsyncWire, Ended, request_bytes
from load import Buyers, by_key, settle

STOCK = 1_000_000
LITTLE = 500


@pytest.fixture
def server(make_server):
    """That many wait for one lock is no reason to refuse anybody here."""
    return make_server("--set", "purchase.deadline=30s").start()


class Shoppers:
    """Connections that buy with keys: 30 % send twice, half of those at the same time; 10 % of
    the requests are cut before the answer."""

    def __init__(self, server, buyers, rng, requests):
        self.server, self.buyers, self.rng = server, buyers, rng
        self.numbers = iter(range(requests))

    async def run(self, connections):
        await asyncio.gather(*(self.shop(f"user_{n + 1}") for n in range(connections)))

    async def shop(self, name):
        wires = [AsyncWire(self.server.address), AsyncWire(self.server.address)]
        for number in self.numbers:
            product, units = self.rng.choice(("plenty", "little")), self.rng.randint(1, 3)
            purchase = (name, product, units, f"r-{number}")
            chance = self.rng.random()
            if chance < 0.10:
                await self.cut(wires[0], *purchase)
            elif chance < 0.25:
                await asyncio.gather(*(self.buyers.buy(w, *purchase) for w in wires))
            elif chance < 0.40:
                await self.buyers.buy(wires[0], *purchase)
                await self.buyers.buy(wires[1], *purchase)
            else:
                await self.buyers.buy(wires[0], *purchase)
        for wire in wires:
            wire.close()

    async def cut(self, wire, name, product, units, key):
        """Sends a purchase and leaves, at once or a moment later."""
        self.buyers.history.add(Operation(product, name, key, units, time.monotonic()))
        if wire.writer is None:
            await wire.connect()
        wire.writer.write(request_bytes("POST", f"/purchase/{product}",
                                        self.buyers.headers(name, key), b'{"quantity":%d}' % units))
        await asyncio.sleep(self.rng.choice((0, 0, 0.0005, 0.002)))
        wire.writer.transport.abort()
        wire.close()


@pytest.mark.limit(sized(200, 900))
async def test_a_retry_never_buys_twice_and_a_cut_answer_can_be_learnt(server, rng):
    requests = sized(8_000, 200_000)
    server.sale("plenty", stock=STOCK)
    server.sale("little", stock=LITTLE)
    history = History()
    buyers = Buyers(server, history)
    await buyers.login([f"user_{n + 1}" for n in range(32)])
    await Shoppers(server, buyers, rng, requests).run(32)
    counts = history.counts()
    problems = await settle(buyers, history.operations)
    assert not problems, problems[:5]
    best = by_key(history.operations).values()
    print(f"{requests} keys, {len(history.operations)} requests: {counts}")
    assert set(counts) <= {(200, None), (400, "sold_out"), (409, "in_progress"), (None, None)}
    for product, stock in (("plenty", STOCK), ("little", LITTLE)):
        told = sum(o.units for o in best if o.sold and o.product == product)
        terms = server.audit(product)
        assert terms.get("units_sold", terms.get("sold")) == told
        assert server.stock(product) == stock - told
    assert server.stock("little") == 0
    assert history.duplicate_orders() == {}
    first = collections.Counter(o.key for o in history.operations if o.sold and not o.replayed)
    assert max(first.values()) == 1, "two answers to one key say they are the first"


@pytest.mark.limit(60)
def test_an_order_that_was_cut_is_found_by_its_key(server):
    buyer = server.login("user_1")
    for number in range(50):
        server.sale(f"cut-{number}", stock=1)
        wire = server.wire()
        wire.send(request_bytes("POST", f"/purchase/cut-{number}",
                                buyer + [("Idempotency-Key", f"k-{number}")], b'{"quantity":1}'))
        wire.sock.shutdown(1)
        try:
            wire.answer()
        except Ended:
            pass
        wire.close()
        limit = time.monotonic() + 20 * slowness()
        while (answer := server.buy(f"cut-{number}", buyer, 1, key=f"k-{number}")).status == 409:
            assert time.monotonic() < limit, answer  # it may still be under way
            time.sleep(0.01)
        assert answer.status == 200, answer
        order = answer.json()["order_id"]
        assert server.ask("GET", f"/orders/{order}", buyer).status == 200
        assert server.stock(f"cut-{number}") == 0
