"""On a Redis Cluster of 3 primaries and 3 replicas: exact sales, slots that move while selling, and
primaries that die and are replaced by their replicas."""
import asyncio
import collections
import pathlib
import shutil
import socket
import tempfile
import time

import pytest

from flashsale import nightly, sized, slowness, term
from history import History
from http1 import AsyncWire
from load import Buyers, Load, released_at_once
from redis_cluster import RedisCluster, slot_of, until
from redis_sales import (DEADLINE, Patient, apart, check_books, check_refusals, on_redis, resolve,
                         variants)
from redis_server import encoded, reply_from

STOCK = 1_000_000  # what a test with faults does not sell out
PATIENT = ["--set", "purchase.deadline=30s"]
EVERY = variants("v3", "v2")
IN_CI = variants("v3") if sized(True, False) else EVERY


@pytest.fixture(scope="module")
def cluster():
    """Of all tests here, each of which leaves it whole."""
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


async def rush(server, product, names, units=lambda number: 1):
    """Everybody buys at once; the buyers, with their history."""
    buyers = Buyers(server, History())
    await buyers.login(names)
    wires = [AsyncWire(server.address) for _ in names]
    await released_at_once(wires, [
        lambda wire=wire, name=name, number=number:
        buyers.buy(wire, name, product, units(number), f"k-{number}")
        for number, (wire, name) in enumerate(zip(wires, names))])
    for wire in wires:
        wire.close()
    return buyers


def users(count):
    return [f"user_{number}" for number in range(1, count + 1)]


def units_sold(server, product):
    return term(server.audit(product), "sold")


@EVERY
@pytest.mark.limit(60)
async def test_a_thousand_buyers_get_a_hundred_units(make_server, cluster, variant):
    server = on_redis(make_server, cluster.urls[-1], variant, *PATIENT).start()
    server.sale("tv", stock=100)
    buyers = await rush(server, "tv", users(1000))
    counts = buyers.history.counts()
    print(f"{variant}: {counts}")
    assert counts == {(200, None): 100, (400, "sold_out"): 900}
    assert units_sold(server, "tv") == 100
    assert buyers.history.duplicate_orders() == {}
    node = cluster.primary_of("{tv}")
    assert node.ask("HGET", "fs:{tv}:sale", "left") == "0", "the sale lives where its slot does"


@IN_CI
@pytest.mark.limit(60)
async def test_sales_are_on_all_primaries_and_are_listed(make_server, cluster, variant):
    server = on_redis(make_server, cluster.url, variant, *PATIENT).start()
    names = [f"p{number}" for number in range(12)]
    for name in names:
        server.sale(name, stock=3)
    buyer = server.login("user_1")
    for name in names:
        assert server.buy(name, buyer, units=2).json()["remaining"] == 1
    homes = {cluster.primary_of(f"{{{name}}}").port for name in names}
    assert len(homes) == 3, homes
    listed = server.admin_ask("GET", "/admin/products").json()
    text = str(listed)
    assert all(f"'{name}'" in text for name in names), listed


# Slots that move

@EVERY
@pytest.mark.limit(90)
async def test_a_slot_moves_to_and_fro_while_its_sale_sells(make_server, cluster, variant, rng):
    """Every answer is a decision: a move alone loses nothing and leaves nothing unknown."""
    server = on_redis(make_server, cluster.url, variant, "--set", "purchase.deadline=5s").start()
    server.sale("tv", stock=STOCK)
    buyers = Patient(server, History())
    await buyers.login(users(16))
    load = Load(buyers, rng, lambda rng: ("tv", rng.randint(1, 3)), connections=16)
    load.start()
    moves = sized(4, 40)
    for _ in range(moves):
        source = cluster.primary_of("{tv}")
        target = rng.choice([node for node in cluster.primaries if node is not source])
        pause = rng.uniform(0.0, 0.02)
        await apart(cluster.move_slot, slot_of("{tv}"), source, target,
                    lambda _, pause=pause: time.sleep(pause))
        await asyncio.sleep(rng.uniform(0.05, 0.15))
        await sold_more(buyers, 10)
    await load.stop()
    counts = buyers.history.counts()
    told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
    assert not problems + buyers.problems, (problems + buyers.problems)[:5]
    check_books(server, "tv", STOCK, told)
    assert buyers.history.duplicate_orders() == {}
    print(f"{variant}: {moves} moves, {counts}")
    assert set(counts) <= {(200, None), (503, "unavailable"), (503, "busy")}, counts
    assert counts[200, None] >= 10 * moves


@IN_CI
@pytest.mark.limit(60)
async def test_a_hundred_units_are_sold_while_their_slot_moves(make_server, cluster, variant):
    server = on_redis(make_server, cluster.url, variant, *PATIENT).start()
    server.sale("tv", stock=100)
    source = cluster.primary_of("{tv}")
    target = next(node for node in cluster.primaries if node is not source)
    server.buy("tv", server.login("user_1"), key="first")  # so that each of its keys is there
    move = asyncio.create_task(apart(cluster.move_slot, slot_of("{tv}"), source, target,
                                     lambda _: time.sleep(0.01)))
    buyers = await rush(server, "tv", users(400))
    await move
    told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
    assert not problems, problems[:5]
    print(f"{variant}: {buyers.history.counts()}")
    assert sum(one.units for one in told.values()) == 99
    assert units_sold(server, "tv") == 100
    check_refusals(buyers.history, "tv", 99, told)


# Primaries that die

async def sold_more(buyers, count, limit_s=20.0):
    """Waits until so many more were sold."""
    limit = time.monotonic() + limit_s * slowness()
    before = len(buyers.history.sold())
    while len(buyers.history.sold()) < before + count:
        assert time.monotonic() < limit, f"not {count} more sold in {limit_s} s"
        await asyncio.sleep(0.005)


async def begin_again(server, stock):
    """A new epoch of the sale; it may take a moment until the server is connected again."""
    limit = time.monotonic() + 20 * slowness()
    while True:
        answer = await apart(server.admin_ask, "PUT", "/admin/products/tv",
                             {"stock": stock, "reset": True})
        if answer.status in (200, 201):
            return
        assert answer.status in (503, 504) and time.monotonic() < limit, answer
        await asyncio.sleep(0.05)


async def asked_until_sold_or_frozen(server, cluster, product, buyer, limit_s=20.0, wire=None):
    """Buys until it is decided or the sale is found to be frozen; "sold" or "frozen".  wire: on that
    connection, so at its worker."""
    limit = time.monotonic() + limit_s * slowness()
    key = f"after-{time.monotonic_ns()}"
    headers = [*buyer, ("Idempotency-Key", key)]
    while True:
        if wire:
            answer = wire.ask("POST", f"/purchase/{product}", headers, b'{"quantity":1}')
        else:
            answer = await apart(server.buy, product, buyer, key=key)
        if answer.status == 200:
            return "sold"
        assert answer.status in (503, 504), answer
        node = cluster.agreed_primary(f"{{{product}}}")
        if node and node.ask("HGET", f"fs:{{{product}}}:sale", "frozen"):
            return "frozen"
        assert time.monotonic() < limit, f"neither sold nor frozen: {answer}"
        await asyncio.sleep(0.02)


def check_never_oversold(server, cluster, buyers, stock):
    """As the store has it, and as the clients were told."""
    node = cluster.primary_of("{tv}")
    left, sold = map(int, node.ask("HMGET", "fs:{tv}:sale", "left", "sold"))
    assert left >= 0 and sold >= 0 and left + sold == stock
    told = {one.key: one for one in buyers.history.operations if one.sold}
    assert sum(one.units for one in told.values()) <= stock
    assert buyers.history.duplicate_orders() == {}


@IN_CI
@pytest.mark.limit(sized(90, 1800))
async def test_a_primary_dies_in_the_sale_and_its_replica_goes_on(make_server, cluster, variant, rng):
    """Kept up to date until the kill, the replica may have all or lack a little: it sells on, or the
    sale is frozen; no unit is sold twice either way."""
    server = on_redis(make_server, cluster.url, variant, *DEADLINE).start()
    outcomes = collections.Counter()
    slowest = 0.0
    for number in range(sized(1, 25)):
        await begin_again(server, STOCK)
        buyers = Patient(server, History())
        await buyers.login(users(16))
        load = Load(buyers, rng, lambda rng: ("tv", rng.randint(1, 3)), connections=16,
                    prefix=f"r{number}")
        load.start()
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        dead, _ = await apart(cluster.replace, "{tv}")
        promoted = time.monotonic()
        outcome = await asked_until_sold_or_frozen(server, cluster, "tv", server.login("user_99"))
        slowest = max(slowest, time.monotonic() - promoted)
        await load.stop()
        assert not buyers.problems, buyers.problems[:5]
        if outcome == "sold":
            told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
            assert not problems, problems[:5]
        check_never_oversold(server, cluster, buyers, STOCK)
        outcomes[outcome] += 1
        cluster.come_back(dead)
        assert server.is_running()
    print(f"{variant}: {dict(outcomes)}, decided {slowest:.3f} s after the promotion at most")


@IN_CI
@pytest.mark.limit(sized(90, 1800))
async def test_what_is_acknowledged_as_replica_survives_the_primary(make_server, cluster, variant, rng):
    """With redis.wait_replicas 1 nothing that was told is lost, whenever the primary dies."""
    server = on_redis(make_server, cluster.url, variant, *DEADLINE, "--set",
                      "redis.wait_replicas=1").start()
    assert "replica" in server.output().split("durability:")[1].split("\n")[0]
    rounds, acknowledged = sized(2, 25), 0
    for number in range(rounds):
        await begin_again(server, STOCK)
        buyers = Patient(server, History())
        await buyers.login(users(16))
        load = Load(buyers, rng, lambda rng: ("tv", rng.randint(1, 3)), connections=16,
                    prefix=f"w{number}")
        load.start()
        await sold_more(buyers, 20 + rng.randrange(200))
        dead, _ = await apart(cluster.replace, "{tv}")
        await load.stop()
        cluster.come_back(dead)
        outcome = await asked_until_sold_or_frozen(server, cluster, "tv", server.login("user_99"))
        assert outcome == "sold", "an acknowledged sale is gone"
        told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
        assert not problems + buyers.problems, (problems + buyers.problems)[:5]
        assert units_sold(server, "tv") == sum(o.units for o in told.values()) + 1
        acknowledged += len([o for o in buyers.history.operations if o.sold])
    print(f"{variant}: {rounds} primaries died, all of {acknowledged} acknowledged orders are there")
    assert acknowledged >= 20 * rounds


def cut_off_replicas(primary):
    """They follow no more, and do not come back: the primary asks for a password that they lack."""
    primary.ask("CONFIG", "SET", "requirepass", "none-of-yours")
    primary.password = "none-of-yours"
    primary.ask("CLIENT", "KILL", "TYPE", "replica")


@EVERY
@pytest.mark.limit(sized(90, 1800))
async def test_a_replica_that_lacks_sales_is_promoted_and_the_sale_freezes(make_server, cluster,
                                                                           variant, rng):
    server = on_redis(make_server, cluster.url, variant, *DEADLINE).start()
    buyer = server.login("user_1")
    rounds = sized(2, 50)
    for number in range(rounds):
        await begin_again(server, 50)
        # Connections that are there stay; so the buyer's worker has to be connected before.
        with server.wire() as wire:
            for _ in range(rng.randint(1, 5)):
                assert await asked_until_sold_or_frozen(server, cluster, "tv", buyer,
                                                        wire=wire) == "sold"
            dead = cluster.primary_of("{tv}")
            replica, = cluster.replicas_of(dead)
            now = int(dead.ask("HGET", "fs:{tv}:sale", "sold"))
            until(lambda: int(replica_reads(replica, "fs:{tv}:sale", "sold") or 0) == now,
                  "the replica has it")
            before = now
            cut_off_replicas(dead)
            lost = rng.randint(1, 10)
            sold = [wire.ask("POST", "/purchase/tv", buyer, b'{"quantity":1}') for _ in range(lost)]
        assert all(answer.status == 200 for answer in sold), sold
        dead.kill()
        dead.password = None
        replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        assert await apart(cluster.await_promotion, "{tv}", dead) is replica
        assert int(replica.ask("HGET", "fs:{tv}:sale", "sold")) == before, "nothing was lost"
        outcome = await asked_until_sold_or_frozen(server, cluster, "tv", buyer)
        assert outcome == "frozen", f"round {number}: sold on behind what was acknowledged"
        assert int(replica.ask("HGET", "fs:{tv}:sale", "sold")) == before
        cluster.come_back(dead)
    print(f"{variant}: {rounds} promotions of a replica that lacked sales, each frozen")


def replica_reads(replica, key, field):
    """READONLY and HGET on one connection."""
    with socket.create_connection(replica.address) as sock, sock.makefile("rb") as stream:
        sock.sendall(encoded("READONLY") + encoded("HGET", key, field))
        reply_from(stream)
        return reply_from(stream)


@pytest.mark.skipif(not nightly(), reason="Redis gives way after seconds on a busy machine")
@EVERY
@pytest.mark.limit(600)
async def test_a_manual_failover_loses_nothing(make_server, cluster, variant, rng):
    server = on_redis(make_server, cluster.url, variant, "--set", "purchase.deadline=5s").start()
    server.sale("tv", stock=STOCK)
    buyers = Patient(server, History())
    await buyers.login(users(16))
    load = Load(buyers, rng, lambda rng: ("tv", rng.randint(1, 3)), connections=16)
    load.start()
    rounds = 10
    for _ in range(rounds):
        await asyncio.sleep(rng.uniform(0.05, 0.2))
        await apart(cluster.fail_over, "{tv}")
        await apart(until, cluster.is_well, "the cluster is whole")
    await asyncio.sleep(0.1)
    await load.stop()
    told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
    assert not problems + buyers.problems, (problems + buyers.problems)[:5]
    check_books(server, "tv", STOCK, told)
    print(f"{variant}: {rounds} failovers, {buyers.history.counts()}")


@IN_CI
@pytest.mark.limit(60)
async def test_other_sales_go_on_while_a_primary_is_missing(make_server, cluster, variant):
    """With cluster-require-full-coverage no; the cluster itself finds that the primary is gone."""
    for node in cluster.nodes:
        node.ask("CONFIG", "SET", "cluster-require-full-coverage", "no")
    cluster.set_node_timeout(2500)  # a busy machine keeps the other primaries waiting, too
    server = on_redis(make_server, cluster.url, variant, "--set", "purchase.deadline=2s").start()
    names = [f"p{number}" for number in range(12)]
    for name in names:
        server.sale(name, stock=10_000)
    buyer = server.login("user_1")
    dead = cluster.primary_of("{p0}")
    others = [name for name in names if cluster.primary_of(f"{{{name}}}") is not dead]
    gone = [name for name in names if name not in others]
    assert others and gone
    dead.kill()
    statuses = collections.Counter()
    asking = None
    while cluster.agreed_primary("{p0}") is None:
        asking = asking or asyncio.create_task(apart(server.buy, gone[0], buyer))
        for name in others:
            statuses["other", (await apart(server.buy, name, buyer)).status] += 1
        if asking.done():
            statuses["gone", asking.result().status] += 1
            asking = None
    if asking:
        statuses["gone", (await asking).status] += 1
    assert set(status for kind, status in statuses if kind == "gone") <= {200, 503, 504}, statuses
    print(f"{variant}: {dict(statuses)}")
    assert statuses["other", 200] > 0
    assert set(status for kind, status in statuses if kind == "other") == {200}
    assert await asked_until_sold_or_frozen(server, cluster, gone[0], buyer) in ("sold", "frozen")
    cluster.come_back(dead)
