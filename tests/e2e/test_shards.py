"""v4 on several Redis servers: sold to the last unit, whoever dies where."""
import asyncio
import collections
import contextlib
import time

import pytest

from flashsale import nightly, sized, slowness
from history import History
from http1 import AsyncWire
from load import Buyers, released_at_once
from proxy import Proxy
from redis_server import RedisServer

ONE_WORKER = ["--workers", "1"]
NODES = pytest.mark.parametrize("node_count", (1, 2, 4) if nightly() else (2,))
EVERY_NODES = pytest.mark.parametrize("node_count", (1, 2, 4))


class Shop:
    """Servers of one shop on the same nodes."""

    def __init__(self, make_server, nodes, urls):
        self.make_server = make_server
        self.nodes = nodes
        self.flags = [word for url in urls for word in ("--redis", url)]

    def open(self, *flags):
        """One more server, started."""
        return self.make_server(*self.flags, *flags, strategy_name="v4").start()

    def node_of(self, product, shard):
        """Number of the node on which a shard lives."""
        tags = f"fs:{{{product}/{shard}}}:sale", f"fs:{{{product}/{shard}.*}}:sale"
        found = [number for number, node in enumerate(self.nodes)
                 if any(node.keys(tag) for tag in tags)]
        assert len(found) == 1, f"{product}/{shard} lives on {found}"
        return found[0]

    def home_of(self, product, buyer):
        """Number of the node on which a buyer of this product lives."""
        return next(number for number, node in enumerate(self.nodes)
                    for key in node.keys(f"fs:{{{product}/*}}:buyers")
                    if buyer in node.cli("HKEYS", key))

    def pending(self, product):
        """Transfers that were taken and are not forgotten."""
        found = []
        for node in self.nodes:
            for key in node.keys(f"fs:{{{product}/*}}:sale"):
                fields = node.ask("HGETALL", key)
                found += [text for name, text in zip(fields[::2], fields[1::2])
                          if name.startswith("out:") and text.split("|")[2] == "1"]
        return found


@pytest.fixture
def nodes(folder, request):
    count = request.node.callspec.params.get("node_count", 2) if hasattr(
        request.node, "callspec") else 2
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(RedisServer(folder / f"r{n}")) for n in range(count)]


@pytest.fixture
def shop(make_server, nodes):
    return Shop(make_server, nodes, [node.url for node in nodes])


def check_all_sold(servers, history, product, stock):
    assert history.units_sold(product) == stock
    assert history.duplicate_orders() == {}
    assert history.wrong_refusals(product, stock) == []
    for server in servers:
        assert server.stock(product) == 0
        assert server.audit(product)["units_sold"] == stock


async def two_processes_sell(shop, wants):
    """wants: units of each buyer; half of the buyers at each process, all at the same time."""
    history = History()
    servers = [shop.open(), shop.open()]
    buyers = [Buyers(server, history) for server in servers]
    names = [f"user_{n}" for n in range(1, len(wants) + 1)]
    await asyncio.gather(buyers[0].login(names[0::2]), buyers[1].login(names[1::2]))
    servers[0].sale("tv", stock=100)
    wires = [AsyncWire(servers[n % 2].address) for n in range(len(names))]
    tasks = [lambda n=n: buyers[n % 2].buy(wires[n], names[n], "tv", wants[n])
             for n in range(len(names))]
    await released_at_once(wires, tasks)
    for wire in wires:
        wire.close()
    print(f"{len(shop.nodes)} nodes: {history.counts()}")
    assert set(history.counts()) == {(200, None), (400, "sold_out")}, history.counts()
    check_all_sold(servers, history, "tv", 100)
    return history


@NODES
@pytest.mark.limit(60)
async def test_a_thousand_buyers_at_two_processes_get_a_hundred_units(shop, node_count):
    history = await two_processes_sell(shop, [1] * 1000)
    assert history.counts() == {(200, None): 100, (400, "sold_out"): 900}


@NODES
@pytest.mark.limit(60)
async def test_a_thousand_buyers_of_one_to_three_units_buy_exactly_all(shop, node_count, rng):
    await two_processes_sell(shop, [rng.randint(1, 3) for _ in range(1000)])


@EVERY_NODES
@pytest.mark.limit(60)
async def test_seven_units_over_sixteen_shards_are_sold_exactly(shop, node_count, rng):
    server = shop.open("--set", "strategy_options.shards=16", *ONE_WORKER)
    history = History()
    buyers = Buyers(server, history)
    names = [f"user_{n}" for n in range(1, 13)]
    await buyers.login(names)
    for number in range(sized(5, 60)):
        product = f"seven-{number}"
        server.sale(product, stock=7)
        wires = [AsyncWire(server.address) for _ in names]
        await released_at_once(wires, [
            lambda w=wire, b=name, n=rng.randint(1, 4), p=product: buyers.buy(w, b, p, n)
            for wire, name in zip(wires, names)])
        left = server.stock(product)
        refused = [o.units for o in history.of(product) if o.code == "sold_out"]
        assert not refused or left < min(refused), f"{left} are left, refused were {refused}"
        for _ in range(left):
            assert (await buyers.buy(wires[0], names[0], product, 1)).sold
        assert (await buyers.buy(wires[0], names[0], product, 1)).code == "sold_out"
        for wire in wires:
            wire.close()
        check_all_sold([server], history, product, 7)


@pytest.mark.parametrize("held_at", ("donor", "home"))
@pytest.mark.limit(60)
async def test_a_server_killed_between_take_and_put_loses_and_doubles_nothing(
        make_server, nodes, held_at):
    """The one unit is on shard 0, and is taken for a buyer who lives elsewhere.  Held is the answer to
    TAKE, or PUT: the only command with the buyer's name there, or the second one."""
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(node.address)) for node in nodes]
        shop = Shop(make_server, nodes, [proxy.url for proxy in proxies])
        first = shop.open(*ONE_WORKER)
        second = Shop(make_server, nodes, [node.url for node in nodes]).open(*ONE_WORKER)
        history = History()
        buyers = Buyers(first, history)
        names = [f"user_{n}" for n in range(1, 9)]
        await buyers.login(names)
        later = Buyers(second, history)
        await later.login(names)
        first.sale("probe", stock=100)
        wire = AsyncWire(first.address)
        for name in names:
            assert (await buyers.buy(wire, name, "probe")).sold
        for number in range(8):  # the scripts are known to every node from here on
            first.sale(f"warm-{number}", stock=1)
            assert (await buyers.buy(wire, names[number], f"warm-{number}")).sold
        for number in range(sized(2, 20)):
            product = f"one-{number}"
            first.sale(product, stock=1)
            donor = shop.node_of(product, 0)
            name = next(n for n in names if shop.home_of("probe", n) != donor)
            mark = b"\r\n" + name.encode() + b"\r\n"
            if held_at == "donor":
                harm = proxies[donor].arm("late_reply", mark, delay_s=30)
            else:
                harm = proxies[1 - donor].arm("late_request", mark, skip=1, delay_s=30)
            wire = AsyncWire(first.address)
            asking = asyncio.create_task(buyers.buy(wire, name, product, 1, f"k-{number}"))
            assert await asyncio.to_thread(harm.done.wait, 10 * slowness())
            limit = time.monotonic() + 10 * slowness()
            while not shop.pending(product):
                assert time.monotonic() < limit, "nothing was taken"
                await asyncio.sleep(0.01)
            first.kill()
            assert (await asking).status is None
            assert second.stock(product) in (0, 1)
            wires = [AsyncWire(second.address) for _ in range(2)]
            again = await later.buy(wires[0], name, product, 1, f"k-{number}")
            other = next(n for n in names if n != name)
            refused = await later.buy(wires[1], other, product, 1, f"o-{number}")
            assert again.sold and refused.code == "sold_out", (again, refused)
            assert second.stock(product) == 0
            assert second.audit(product)["units_sold"] == 1
            assert shop.pending(product) == []
            for one in wires:
                one.close()
            first.start()


@pytest.mark.limit(60)
async def test_a_node_that_is_down_costs_what_lives_there_and_is_never_called_sold_out(shop, rng):
    server = shop.open(*ONE_WORKER)
    history = History()
    buyers = Buyers(server, history)
    names = [f"user_{n}" for n in range(1, 17)]
    await buyers.login(names)
    server.sale("tv", stock=40)
    wire = AsyncWire(server.address)
    for name in names:
        assert (await buyers.buy(wire, name, "tv")).sold
    homes = {name: shop.home_of("tv", name) for name in names}
    assert set(homes.values()) == {0, 1}
    down = rng.randrange(2)
    shop.nodes[down].kill()
    seen = collections.Counter()
    for number in range(60):
        name = names[number % len(names)]
        done = await buyers.buy(wire, name, "tv", 1, f"down-{number}")
        seen[homes[name], done.status] += 1
        assert done.status in (200, 503, 504), done
    assert server.admin_ask("GET", "/readyz").status == 200, "it still sells"
    print(f"while node {down} is down: {dict(seen)}")
    left_there = 20 - sum(home != down for home in homes.values())
    assert seen[1 - down, 200] == left_there, "the other node sells all it has"
    assert seen[down, 200] == 0
    shop.nodes[down].start()
    limit = time.monotonic() + 20 * slowness()
    while (await buyers.buy(wire, names[0], "tv", 1)).status in (503, 504):
        assert time.monotonic() < limit, "still unavailable long after the node came back"
        await asyncio.sleep(0.02)
    while (done := await buyers.buy(wire, names[number % len(names)], "tv", 1)).sold:
        number += 1
    assert done.code == "sold_out", done
    wire.close()
    assert history.units_sold("tv") == 40
    assert server.stock("tv") == 0
    while server.admin_ask("GET", "/admin/products/tv/audit").status == 503:
        assert time.monotonic() < limit, "the admin's way to the node is not back"
        await asyncio.sleep(0.02)
    assert server.audit("tv")["units_sold"] == 40


@pytest.mark.limit(60)
async def test_a_node_that_hangs_keeps_nobody_who_lives_elsewhere(shop, stalls):
    server = shop.open(*ONE_WORKER)
    history = History()
    buyers = Buyers(server, history)
    names = [f"user_{n}" for n in range(1, 17)]
    await buyers.login(names)
    server.sale("tv", stock=400)
    wire = AsyncWire(server.address)
    for name in names:
        assert (await buyers.buy(wire, name, "tv")).sold
    near = [name for name in names if shop.home_of("tv", name) == 0]
    assert near
    await asyncio.sleep(0.4)  # so long that what is left elsewhere would be read anew
    shop.nodes[1].pause()
    took = []
    try:
        for number in range(60):
            begun = time.monotonic()
            assert (await buyers.buy(wire, near[number % len(near)], "tv")).sold
            ended = time.monotonic()
            took.append(ended - begun - stalls.between(begun, ended))
    finally:
        shop.nodes[1].go_on()
    wire.close()
    print(f"slowest while the other node hangs: {max(took):.3f} s")
    assert sorted(took)[30] < 0.1 * slowness() and max(took) < 0.7 * slowness(), sorted(took)[-5:]
