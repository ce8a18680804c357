"""A primary that three sentinels look after: found by asking them, and followed when they replace it."""
import asyncio
import collections
import time

import pytest

from flashsale import nightly, sized, slowness, term
from history import History
from load import Load
from redis_cluster import until
from redis_sales import Patient, apart, on_redis, resolve, variants
from redis_sentinel import MASTER, Sentinels
from redis_server import RedisError

STOCK = 1_000_000
DEADLINE = ["--set", "purchase.deadline=2s"]  # a busy machine needs more than half a second now and then
IN_CI = variants("v2", "v3") if nightly() else variants("v3")


@pytest.fixture
def group(folder):
    with Sentinels(folder / "redis") as one:
        yield one


def sold_at(redis):
    try:
        return int(redis.ask("HGET", "fs:{tv}:sale", "sold") or 0)
    except RedisError:
        return None  # a replica that loads what its primary has


async def asked_until_sold_or_frozen(server, group, limit_s=20.0):
    buyer = server.login("user_99")
    limit = time.monotonic() + limit_s * slowness()
    while True:
        answer = await apart(server.buy, "tv", buyer, key="after")
        if answer.status == 200:
            return "sold"
        assert answer.status in (503, 504), answer
        if group.primary.ask("HGET", "fs:{tv}:sale", "frozen"):
            return "frozen"
        assert time.monotonic() < limit, f"neither sold nor frozen: {answer}"
        await asyncio.sleep(0.02)


@IN_CI
@pytest.mark.limit(90)
async def test_the_primary_dies_in_the_sale_and_the_sale_goes_on(make_server, group, variant, rng):
    """The new primary has all, or the sale is frozen; the old one, when it comes back as a primary of
    its own, sells nothing."""
    server = on_redis(make_server, group.url, variant, *DEADLINE).start()
    server.sale("tv", stock=STOCK)
    buyers = Patient(server, History())
    await buyers.login([f"user_{number}" for number in range(1, 17)])
    load = Load(buyers, rng, lambda rng: ("tv", rng.randint(1, 3)), connections=16)
    load.start()
    await asyncio.sleep(rng.uniform(0.1, 0.3))
    old, new = await apart(group.fail_over)
    switched = time.monotonic()
    outcome = await asked_until_sold_or_frozen(server, group)
    took = time.monotonic() - switched
    group.come_back(old)
    alone = sold_at(old)
    while time.monotonic() < switched + 1:
        sold = sold_at(old)
        if old.ask("ROLE")[0] != "master":  # what it has now is the new one's
            break
        assert sold == alone, "the one that was deposed has sold"
        await asyncio.sleep(0.01)
    await load.stop()
    assert not buyers.problems, buyers.problems[:5]
    if outcome == "sold":
        told, problems = await resolve(buyers, buyers.history.operations, patience_s=20)
        assert not problems, problems[:5]
        assert term(server.audit("tv"), "sold") == sum(o.units for o in told.values()) + 1
    left, sold = map(int, new.ask("HMGET", "fs:{tv}:sale", "left", "sold"))
    assert left + sold == STOCK and left >= 0
    assert buyers.history.duplicate_orders() == {}
    print(f"{variant}: {outcome} {took:.3f} s after the switch, {buyers.history.counts()}")


@IN_CI
@pytest.mark.limit(sized(60, 600))
def test_a_replica_that_lacks_sales_becomes_primary_and_the_sale_freezes(make_server, folder, variant,
                                                                         rng):
    rounds = sized(1, 10)
    outcomes = collections.Counter()
    for number in range(rounds):
        with Sentinels(folder / f"redis{number}") as group:
            server = on_redis(make_server, group.url, variant, *DEADLINE).start()
            server.sale("tv", stock=50)
            buyer = server.login("user_1")
            wire = server.wire()  # its worker is connected when it has sold
            buy = ("POST", "/purchase/tv", buyer, b'{"quantity":1}')
            assert wire.ask(*buy).status == 200
            primary = group.primary
            until(lambda: sold_at(group.replica) == 1, "the replica has it")
            primary.ask("CONFIG", "SET", "requirepass", "none-of-theirs")
            primary.password = "none-of-theirs"
            primary.ask("CLIENT", "KILL", "TYPE", "replica")
            for _ in range(rng.randint(1, 5)):
                assert wire.ask(*buy).status == 200
            wire.close()
            _, new = group.fail_over()
            assert sold_at(new) == 1
            outcomes[asyncio.run(asked_until_sold_or_frozen(server, group))] += 1
            assert sold_at(new) == 1
            server.stop()
    print(f"{variant}: {dict(outcomes)}")
    assert outcomes == {"frozen": rounds}


@pytest.mark.limit(60)
def test_sentinels_are_needed_at_the_start_and_when_something_moves(make_server, group):
    server = on_redis(make_server, group.url, "v3", *DEADLINE).start()
    server.sale("tv", stock=10)
    buyer = server.login("user_1")
    wrong = on_redis(make_server, group.url.replace(MASTER, "other"), "v3", *DEADLINE)
    wrong.spawn()
    assert wrong.wait_for_end_or_ready() == 1
    assert "knows no primary called other" in wrong.output(), wrong.output()
    for one in group.sentinels:
        one.kill()
    for _ in range(4):
        assert server.buy("tv", buyer).status == 200, "without sentinels it sells on"
    late = on_redis(make_server, group.url, "v3", *DEADLINE)
    late.spawn()
    assert late.wait_for_end_or_ready() == 1
    assert "sentinel" in late.output(), late.output()
