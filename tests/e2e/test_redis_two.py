"""Two flashsale processes on one Redis are one shop."""
import asyncio
import collections

import pytest

from flashsale import sized, slowness
from history import History
from http1 import AsyncWire
from load import Buyers, released_at_once
from redis_sales import on_redis, variants
from redis_server import RedisServer

PATIENT = ["--set", "purchase.deadline=30s"]  # a lock's queue is no reason to refuse anybody here
EVERY = variants("v2", "v3", "v4", "v2-textbook")


class Pair:
    """Both processes, and the buyers of each in one history."""

    def __init__(self, servers):
        self.servers = servers
        self.history = History()
        self.buyers = [Buyers(server, self.history) for server in servers]

    async def login(self, count):
        names = [f"user_{n}" for n in range(1, count + 1)]
        await asyncio.gather(self.buyers[0].login(names), self.buyers[1].login(names))
        return names

    async def at_once(self, purchases):
        """purchases: [(process, buyer, product, units, key)]"""
        wires = [AsyncWire(self.servers[p].address) for p, *_ in purchases]
        tasks = [lambda w=wire, p=process, rest=rest: self.buyers[p].buy(w, *rest)
                 for wire, (process, *rest) in zip(wires, purchases)]
        done = await released_at_once(wires, tasks)
        for wire in wires:
            wire.close()
        return done

    def check_all_sold(self, product, stock):
        assert self.history.units_sold(product) == stock
        assert self.history.duplicate_orders() == {}
        assert self.history.wrong_refusals(product, stock) == []
        for server in self.servers:
            assert server.stock(product) == 0
            terms = server.audit(product)
            assert terms.get("units_sold", terms.get("sold")) == stock, terms


@pytest.fixture
def pair(make_server, folder, variant):
    with RedisServer(folder / "redis") as redis:
        servers = [on_redis(make_server, redis.url, variant, *PATIENT).start() for _ in range(2)]
        yield Pair(servers)
        for server in servers:
            server.stop()


@EVERY
@pytest.mark.limit(60)
async def test_a_thousand_buyers_at_two_processes_get_a_hundred_units(pair, variant):
    names = await pair.login(1000)
    pair.servers[0].sale("tv", stock=100)
    await pair.at_once([(n % 2, name, "tv", 1, None) for n, name in enumerate(names)])
    print(f"{variant}: {pair.history.counts()}")
    assert pair.history.counts() == {(200, None): 100, (400, "sold_out"): 900}
    pair.check_all_sold("tv", 100)


@EVERY
@pytest.mark.limit(60)
async def test_mixed_quantities_at_two_processes_sell_exactly_all(pair, variant, rng):
    names = await pair.login(200)
    pair.servers[1].sale("tv", stock=100)
    await pair.at_once([(rng.randrange(2), name, "tv", rng.randint(1, 3), None) for name in names])
    print(f"{variant}: {pair.history.counts()}")
    assert set(pair.history.counts()) == {(200, None), (400, "sold_out")}
    pair.check_all_sold("tv", 100)


@EVERY
@pytest.mark.limit(60)
async def test_one_key_sent_to_both_at_once_is_one_order(pair, variant, rng):
    await pair.login(1)
    rounds = sized(30, 300)
    for number in range(rounds):
        product, key = f"key-{number}", f"k-{rng.getrandbits(64):x}"
        pair.servers[0].sale(product, stock=10)
        done = await pair.at_once([(n % 2, "user_1", product, 2, key) for n in range(8)])
        done += await pair.at_once([(n, "user_1", product, 2, key) for n in range(2)])
        counts = collections.Counter((o.status, o.code) for o in done)
        assert set(counts) <= {(200, None), (409, "in_progress")}, counts
        sold = [o for o in done if o.sold]
        assert len({o.body for o in sold}) == 1, {o.body for o in sold}
        assert sum(not o.replayed for o in sold) <= 1, counts
        assert [s.stock(product) for s in pair.servers] == [8, 8]
        pair.servers[number % 2].audit(product)
        for process, server in enumerate(pair.servers):
            headers = pair.buyers[process].headers("user_1")
            found = server.ask("GET", f"/orders/{sold[0].order}", headers)
            assert found.status == 200 and found.json()["quantity"] == 2, found
    print(f"{variant}: {rounds} keys, 8 requests each at once")


@variants()
@pytest.mark.limit(60)
async def test_a_key_used_at_one_process_is_reused_at_the_other(pair, variant):
    await pair.login(1)
    pair.servers[0].sale("tv", stock=10)
    pair.servers[0].sale("radio", stock=10)
    first, = await pair.at_once([(0, "user_1", "tv", 2, "one")])
    others = await pair.at_once([(1, "user_1", "tv", 3, "one"), (1, "user_1", "radio", 2, "one")])
    assert first.status == 200
    assert [(o.status, o.code) for o in others] == [(422, "key_reused")] * 2
    assert [pair.servers[1].stock(p) for p in ("tv", "radio")] == [8, 10]


@EVERY
@pytest.mark.limit(60)
async def test_a_limit_per_buyer_holds_over_both(pair, variant):
    await pair.login(5)
    pair.servers[0].sale("tv", stock=100, per_user_max=3)
    await pair.at_once([(n % 2, f"user_{n % 5 + 1}", "tv", 1, None) for n in range(100)])
    assert pair.history.counts() == {(200, None): 15, (409, "user_limit"): 85}
    assert [s.stock("tv") for s in pair.servers] == [85, 85]
    pair.servers[1].audit("tv")


@EVERY
@pytest.mark.limit(60)
async def test_an_order_of_one_process_is_cancelled_once_at_the_other(pair, variant):
    names = await pair.login(20)
    pair.servers[0].sale("tv", stock=20)
    bought = await pair.at_once([(0, name, "tv", 1, None) for name in names])
    assert pair.history.counts() == {(200, None): 20}

    async def cancel(process, one):
        wire = AsyncWire(pair.servers[process].address)
        headers = pair.buyers[process].headers(one.buyer)
        answer = await wire.ask("DELETE", f"/orders/{one.order}", headers)
        wire.close()
        return answer.status

    done = await asyncio.gather(*(cancel(n % 2, one) for n in range(4) for one in bought[:10]))
    assert collections.Counter(done) == {200: 40}
    assert [s.stock("tv") for s in pair.servers] == [10, 10]
    await pair.at_once([(1, name, "tv", 1, None) for name in names])
    assert pair.history.counts() == {(200, None): 30, (400, "sold_out"): 10}
    pair.servers[0].audit("tv")


@variants()
@pytest.mark.limit(60)
async def test_what_an_operator_changes_at_one_is_so_at_both(pair, variant):
    await pair.login(2)
    one, two = pair.servers
    one.sale("tv", stock=1)

    async def outcomes(units=1):
        done = await pair.at_once([(p, "user_1", "tv", units, None) for p in range(2)])
        return collections.Counter((o.status, o.code) for o in done)

    assert await outcomes() == {(200, None): 1, (400, "sold_out"): 1}
    assert await outcomes() == {(400, "sold_out"): 2}
    assert two.admin_ask("PATCH", "/admin/products/tv", {"add": 2}).status == 200
    assert await outcomes() == {(200, None): 2}
    assert one.admin_ask("PATCH", "/admin/products/tv", {"state": "paused", "add": 9}).status == 200
    assert await outcomes() == {(403, "sale_paused"): 2}
    reset = two.admin_ask("PUT", "/admin/products/tv", {"stock": 3, "reset": True})
    assert reset.status == 200, reset
    two.admin_ask("PATCH", "/admin/products/tv", {"state": "open"})
    assert await outcomes() == {(200, None): 2}
    assert [s.stock("tv") for s in pair.servers] == [1, 1]
    assert one.audit("tv") == two.audit("tv")


@variants()
@pytest.mark.limit(sized(60, 600))
async def test_sales_and_cancels_at_both_end_in_clean_books(pair, variant, rng, seed):
    names = await pair.login(16)
    pair.servers[0].sale("tv", stock=30)
    live = {}

    async def shopper(number, name):
        wires = [AsyncWire(server.address) for server in pair.servers]
        for _ in range(sized(15, 300)):
            at = rng.randrange(2)
            one = await pair.buyers[at].buy(wires[at], name, "tv", rng.randint(1, 3))
            assert (one.status, one.code) in ((200, None), (400, "sold_out")), one.body
            if one.sold and rng.random() < 0.8:
                headers = pair.buyers[1 - at].headers(name)
                gone = await wires[1 - at].ask("DELETE", f"/orders/{one.order}", headers)
                assert gone.status == 200, gone
            elif one.sold:
                live[one.order] = one.units
        for wire in wires:
            wire.close()

    await asyncio.gather(*(shopper(n, name) for n, name in enumerate(names)))
    print(f"{variant}: {pair.history.counts()}")
    for server in pair.servers:
        assert server.stock("tv") == 30 - sum(live.values())
        terms = server.audit("tv")
        assert terms.get("units_sold", terms.get("sold")) == sum(live.values()), terms


@variants()
@pytest.mark.limit(60)
async def test_one_process_dies_and_the_other_sells_on(pair, variant):
    names = await pair.login(60)
    pair.servers[0].sale("tv", stock=50)
    loads = asyncio.create_task(pair.at_once([(n % 2, name, "tv", 1, f"k-{n}")
                                              for n, name in enumerate(names)]))
    await asyncio.sleep(0.01 * slowness())
    pair.servers[0].kill()
    done = await loads
    for number, one in enumerate(done):
        if one.status != 200:  # each is asked again with its key, at the one that is left
            done[number], = await pair.at_once([(1, one.buyer, "tv", 1, one.key)])
    counts = collections.Counter((o.status, o.code) for o in done)
    print(f"{variant}: {pair.history.counts()}, in the end {counts}")
    assert counts == {(200, None): 50, (400, "sold_out"): 10}
    terms = pair.servers[1].audit("tv")
    assert terms.get("units_sold", terms.get("sold")) == 50, terms
    pair.servers[0].start()
    assert pair.servers[0].stock("tv") == 0
