"""v4: a closed sale goes on with another number of shards, also when its server dies while it moves."""
import asyncio
import contextlib
import threading
import time

import pytest

from flashsale import sized, slowness
from history import History
from http1 import AsyncWire
from load import Buyers
from redis_server import RedisServer

NAMES = [f"user_{n}" for n in range(1, 201)]
STOCK = 300
SHARDS = (2, 3, 5)


@pytest.fixture
def nodes(folder):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(RedisServer(folder / f"r{n}")) for n in range(2)]


@pytest.fixture
def serve(make_server, nodes):
    """serve(shards) is one more server of the shop."""
    flags = [word for node in nodes for word in ("--redis", node.url)]
    return lambda shards: make_server(*flags, "--set", f"strategy_options.shards={shards}",
                                      "--workers", "2", strategy_name="v4").start()


def set_state(server, state, limit_s=30.0):
    """Asks until it is done."""
    limit = time.monotonic() + limit_s * slowness()
    while (answer := server.admin_ask("PATCH", "/admin/products/tv", {"state": state})).status != 200:
        assert answer.status in (503, 504), answer
        assert time.monotonic() < limit, f"still {answer}"
        time.sleep(0.05)


def shard_count(server):
    return sum(name.startswith("shard_") and name.endswith("_left") for name in server.audit("tv"))


def tell_dead(nodes):
    """As the passing of ten seconds would."""
    for node in nodes:
        if node.keys("fs:{tv}:layout"):
            node.ask("HSET", "fs:{tv}:layout", "until", "1")


async def check_orders(buyers, sold):
    """Every order is there, and is what its key gives again."""
    wire = AsyncWire(buyers.server.address)
    for one in sold:
        answer = await buyers.lookup(wire, one.buyer, one.order)
        assert answer.status == 200 and answer.json()["status"] == "sold", answer
    wire.close()


async def check_replays(buyers, sold):
    wire = AsyncWire(buyers.server.address)
    for one in sold:
        again = await buyers.buy(wire, one.buyer, "tv", 1, one.key)
        assert again.order == one.order and again.replayed, again
    wire.close()


def try_to_open(server):
    with contextlib.suppress(Exception):
        server.admin_ask("PATCH", "/admin/products/tv", {"state": "open"})


def open_and_die(server, after_s):
    """SIGKILL so long after it was asked to open the sale."""
    asking = threading.Thread(target=try_to_open, args=(server,))
    asking.start()
    time.sleep(after_s)
    server.kill()
    asking.join()


@pytest.mark.limit(120)
async def test_eight_shards_become_three_and_sixteen_though_servers_are_killed(serve, nodes, rng):
    first, second = serve(8), serve(3)
    history = History()
    buyers = Buyers(first, history)
    later = Buyers(second, History())
    await asyncio.gather(buyers.login(NAMES), later.login(NAMES))
    first.sale("tv", stock=STOCK, per_user_max=2)
    wire = AsyncWire(first.address)
    for name in NAMES:
        assert (await buyers.buy(wire, name, "tv", 1, f"k-{name}")).sold
    sold = history.sold("tv")
    set_state(first, "closed")
    await check_orders(later, sold[::10])
    assert shard_count(second) == 8
    set_state(second, "open")
    for server in (first, second):
        assert shard_count(server) == 3
        assert server.stock("tv") == STOCK - len(NAMES)
    await check_orders(buyers, sold)
    await check_replays(later, sold)

    set_state(second, "closed")
    third = serve(16)
    seen = set()
    for _ in range(sized(6, 40)):
        set_state(first, "closed")
        await asyncio.to_thread(open_and_die, third, rng.uniform(0, 0.03))
        await check_orders(buyers, sold[::7])
        seen.add(count := shard_count(first))
        tell_dead(nodes)
        third.start()
        set_state(first, "closed")
        if count == 16:
            set_state(second, "open")
    print(f"killed; then there were {sorted(seen)} shards")
    assert seen <= {3, 16}
    set_state(first, "closed")
    set_state(third, "open")
    assert {shard_count(server) for server in (first, second, third)} == {16}
    await check_orders(later, sold)
    await check_replays(buyers, sold)

    done = [await buyers.buy(wire, name, "tv", 1, f"more-{name}") for name in NAMES]
    assert sum(one.sold for one in done) == STOCK - len(NAMES)
    assert {one.code for one in done if not one.sold} == {"sold_out"}
    third_of_one = await buyers.buy(wire, next(one.buyer for one in done if one.sold), "tv")
    assert third_of_one.code != "sold_out" and not third_of_one.sold, "the limit comes first"
    wire.close()
    for server in (first, second, third):
        assert server.stock("tv") == 0
        assert server.audit("tv")["units_sold"] == STOCK
    assert history.duplicate_orders() == {}


@pytest.mark.limit(120)
async def test_of_two_servers_that_open_a_sale_at_once_one_moves_it(serve, rng):
    servers = [serve(count) for count in SHARDS]
    history = History()
    buyers = Buyers(servers[0], history)
    names = NAMES[:40]
    await buyers.login(names)
    servers[0].sale("tv", stock=len(names) + 1)
    wire = AsyncWire(servers[0].address)
    for name in names:
        assert (await buyers.buy(wire, name, "tv", 1, f"k-{name}")).sold
    wire.close()
    pairs = [servers[:2], servers[1:], servers[::2]]
    for n in range(sized(6, 40)):
        set_state(servers[0], "closed")
        movers = pairs[n % len(pairs)]
        await asyncio.gather(*(asyncio.to_thread(set_state, one, "open")
                               for one in rng.sample(movers, len(movers))))
        counts = {shard_count(server) for server in servers}
        assert len(counts) == 1, "all servers find the same shards"
        # Who finds as many shards as it wants opens at once, and the move of the other comes too late.
        assert counts <= {SHARDS[servers.index(one)] for one in movers}
        await check_orders(buyers, history.sold("tv"))
        for server in servers:
            assert server.stock("tv") == 1
