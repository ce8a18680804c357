"""v4 on a Redis Cluster of 3 primaries and 3 replicas: a shard on each primary."""
import asyncio
import pathlib
import shutil
import tempfile
import time

import pytest

from flashsale import sized, slowness, term
from history import History
from http1 import AsyncWire
from load import Buyers, Load, released_at_once
from redis_cluster import RedisCluster, slot_of
from redis_sales import DEADLINE, Patient, apart, resolve

SHARDS = 3
PATIENT = ["--set", "purchase.deadline=30s"]
STOCK = 1_000_000


@pytest.fixture(scope="module")
def cluster():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fs-"))
    try:
        with RedisCluster(folder, primaries=3, replicas=1) as one:
            yield one
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def clean(cluster):
    """Every test begins without sales."""
    cluster.heal()
    for node in cluster.primaries:
        node.ask("FLUSHALL")


@pytest.fixture
def open_shop(make_server, cluster):
    def opened(*flags):
        return make_server("--redis", cluster.url, "--set", f"strategy_options.shards={SHARDS}",
                           *flags, strategy_name="v4").start()

    return opened


def in_the_end(ask, limit_s=20.0):
    """Asks until the store had the time for it; the answer."""
    limit = time.monotonic() + limit_s * slowness()
    while (answer := ask()).status in (503, 504):
        assert time.monotonic() < limit, f"still {answer}"
        time.sleep(0.02)
    assert answer.status in (200, 201), answer
    return answer


def users(count):
    return [f"user_{number}" for number in range(1, count + 1)]


def tags_of(cluster, product):
    """The hash tags of the sale's shards, by number."""
    keys = {key for node in cluster.primaries for key in node.keys(f"fs:{{{product}/*}}:sale")}
    tags = {int(key.split("/")[1].split("}")[0].split(".")[0]): key[3:key.index("}") + 1]
            for key in keys}
    assert sorted(tags) == list(range(SHARDS)), keys
    return tags


async def rush(servers, wants):
    """Everybody buys at once, at each server in turn; the history."""
    history = History()
    buyers = [Buyers(server, history) for server in servers]
    names = users(len(wants))
    await asyncio.gather(*(one.login(names) for one in buyers))
    wires = [AsyncWire(servers[n % len(servers)].address) for n in range(len(names))]
    await released_at_once(wires, [
        lambda n=n: buyers[n % len(buyers)].buy(wires[n], names[n], "tv", wants[n])
        for n in range(len(names))])
    for wire in wires:
        wire.close()
    return history


@pytest.mark.limit(60)
async def test_two_processes_on_a_cluster_sell_a_hundred_units_exactly(open_shop, cluster, rng):
    servers = [open_shop(*PATIENT), open_shop(*PATIENT)]
    servers[0].sale("tv", stock=100)
    homes = {cluster.primary_of(tag).port for tag in tags_of(cluster, "tv").values()}
    assert len(homes) == 3, "each shard on a primary of its own"
    history = await rush(servers, [rng.randint(1, 3) for _ in range(600)])
    print(history.counts())
    assert set(history.counts()) == {(200, None), (400, "sold_out")}
    assert history.units_sold("tv") == 100
    assert history.duplicate_orders() == {} and history.wrong_refusals("tv", 100) == []
    assert [server.stock("tv") for server in servers] == [0, 0]
    assert term(servers[1].audit("tv"), "sold") == 100


@pytest.mark.limit(90)
async def test_a_shard_s_slot_moves_while_its_sale_sells(open_shop, cluster, rng):
    server = open_shop("--set", "purchase.deadline=5s")
    server.sale("tv", stock=STOCK)
    tag = tags_of(cluster, "tv")[1]
    buyers = Patient(server, History())
    await buyers.login(users(16))
    load = Load(buyers, rng, lambda rng: ("tv", rng.randint(1, 3)), connections=16)
    load.start()
    for _ in range(sized(2, 30)):
        source = cluster.primary_of(tag)
        target = rng.choice([node for node in cluster.primaries if node is not source])
        await apart(cluster.move_slot, slot_of(tag), source, target)
        await asyncio.sleep(rng.uniform(0.05, 0.15))
    await load.stop()
    counts = buyers.history.counts()
    told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
    assert not problems + buyers.problems, (problems + buyers.problems)[:5]
    units = sum(one.units for one in told.values())
    print(counts)
    assert set(counts) <= {(200, None), (503, "unavailable"), (503, "busy")}, counts
    assert term(server.audit("tv"), "sold") == units
    assert buyers.history.duplicate_orders() == {}


@pytest.mark.parametrize("wait_replicas", (1, 0))
@pytest.mark.limit(sized(90, 1800))
async def test_a_primary_dies_in_the_sale_and_no_unit_is_sold_twice(
        open_shop, cluster, rng, wait_replicas):
    """Scarce stock in large orders, so that units move all the time.  With a replica waited for, all
    that was told is there afterwards; without, no more is told than there was."""
    stock = 2000
    flags = [*DEADLINE, "--set", f"redis.wait_replicas={wait_replicas}"]
    server = open_shop(*flags)
    for number in range(sized(1, 20)):
        in_the_end(lambda: server.admin_ask("PUT", "/admin/products/tv",
                                            {"stock": stock, "reset": True}))
        tag = rng.choice(list(tags_of(cluster, "tv").values()))
        buyers = Patient(server, History())
        await buyers.login(users(16))
        load = Load(buyers, rng, lambda rng: ("tv", rng.randint(1, 9)), connections=16,
                    prefix=f"r{wait_replicas}-{number}")
        load.start()
        await asyncio.sleep(rng.uniform(0.02, 0.1))
        dead, _ = await apart(cluster.replace, tag)
        await asyncio.sleep(0.5)
        await load.stop()
        cluster.come_back(dead)
        assert not buyers.problems, buyers.problems[:5]
        told = {o.key: o for o in buyers.history.operations if o.sold}
        units = sum(one.units for one in told.values())
        assert units <= stock, f"told {units} of {stock}"
        assert buyers.history.duplicate_orders() == {}
        if wait_replicas:
            told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
            assert not problems, problems[:5]
            units = sum(one.units for one in told.values())
            # The admin's way to the new primary may come back after the buyers'.
            in_the_end(lambda: server.admin_ask("GET", "/admin/products/tv/audit"))
            terms = server.audit("tv")
            assert term(terms, "sold") == units, f"told {units}: {terms}"
            assert server.stock("tv") == stock - units
        print(f"wait_replicas {wait_replicas}: {buyers.history.counts()}")
        assert told


@pytest.mark.limit(60)
async def test_a_closed_sale_goes_on_with_another_number_of_shards(open_shop, cluster):
    servers = [open_shop(*PATIENT), open_shop(*PATIENT, "--set", "strategy_options.shards=5")]
    history = History()
    buyers = [Buyers(server, history) for server in servers]
    names = users(40)
    await asyncio.gather(*(one.login(names) for one in buyers))
    servers[0].sale("tv", stock=60)
    wires = [AsyncWire(server.address) for server in servers]
    for name in names:
        assert (await buyers[0].buy(wires[0], name, "tv", 1, f"k-{name}")).sold
    for opener, closer, count in ((1, 0, 5), (0, 1, SHARDS)):
        for server, state in ((servers[closer], "closed"), (servers[opener], "open")):
            in_the_end(lambda: server.admin_ask("PATCH", "/admin/products/tv", {"state": state}))
        for number, server in enumerate(servers):
            assert f"shard_{count - 1}_left" in server.audit("tv")
            assert f"shard_{count}_left" not in server.audit("tv")
            for name in names:
                again = await buyers[number].buy(wires[number], name, "tv", 1, f"k-{name}")
                assert again.sold and again.replayed, again
    for wire in wires:
        wire.close()
    assert [server.stock("tv") for server in servers] == [20, 20]
