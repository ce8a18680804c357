"""The class replica: what is acknowledged is at whichever replica becomes the primary."""
import asyncio
import time

import pytest

from flashsale import nightly, sized, slowness
from history import History
from load import Load
from redis_cluster import until
from redis_sales import Patient, apart, on_redis
from redis_sentinel import MASTER, Sentinels
from redis_server import RedisError

RUNS = sized(1, 6)


def planned(group, old):
    until(lambda: begins(group), "a sentinel begins the failover", 30)


def begins(group):
    try:
        return group.sentinels[0].ask("SENTINEL", "FAILOVER", MASTER) == "OK"
    except RedisError as refusal:
        return str(refusal).startswith("INPROG")


def hung(group, old):
    """It stands still until it was replaced, then goes on as the primary that it believes to be."""
    old.pause()
    planned(group, old)


def killed(group, old):
    old.kill()
    planned(group, old)


def missing_at(primary, acknowledged):
    names = [one.order[:26] for one in acknowledged]
    found = []
    for at in range(0, len(names), 500):
        found += primary.ask("HMGET", "fs:{tv}:orders", *names[at:at + 500])
    return sum(record is None for record in found)


async def lost_in_failover(make_server, folder, rng, fault, replicas, wait_replicas):
    with Sentinels(folder, replicas=replicas) as group:
        server = on_redis(make_server, group.url, "v3", "--set", "purchase.deadline=2s", "--set",
                          f"redis.wait_replicas={wait_replicas}").start()
        server.sale("tv", stock=10_000_000)
        buyers = Patient(server, History())
        await buyers.login([f"user_{number}" for number in range(1, 17)])
        load = Load(buyers, rng, lambda rng: ("tv", 1), connections=16)
        load.start()
        await asyncio.sleep(rng.uniform(0.3, 0.6))
        old = group.primary
        await apart(fault, group, old)
        new = await apart(group.await_switch, old)
        if fault is hung:
            old.go_on()
        await asyncio.sleep(1.0)
        await load.stop()
        assert not buyers.problems, buyers.problems[:5]
        acknowledged = [o for o in buyers.history.operations if o.status == 200 and o.order]
        if fault is not killed:  # the old one is a replica of the new one by then
            until(lambda: old.ask("ROLE")[0] == "slave", "the old primary follows", 30 * slowness())
        lost = missing_at(new, acknowledged)
        durability = server.output()
        server.stop()
        return lost, len(acknowledged), durability


@pytest.mark.parametrize("fault", [planned, hung, killed])
@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.limit(sized(90, 600))
def test_no_acknowledged_order_is_lost_when_all_replicas_are_waited_for(make_server, folder, rng,
                                                                         fault, replicas):
    if not nightly() and (fault, replicas) not in ((planned, 2), (hung, 2)):
        pytest.skip("at night")
    for number in range(RUNS):
        begun = time.monotonic()
        lost, count, printed = asyncio.run(lost_in_failover(
            make_server, folder / f"redis{number}", rng, fault, replicas, replicas))
        print(f"{fault.__name__}, {replicas} replicas, all waited for: {lost} of {count} acknowledged "
              f"orders lost, {time.monotonic() - begun:.1f} s")
        assert count > 0
        assert lost == 0
        assert "durability:    replica\n" in printed, printed


@pytest.mark.limit(sized(90, 600))
def test_fewer_than_all_replicas_is_called_best_effort(make_server, folder):
    with Sentinels(folder / "redis", replicas=2) as group:
        server = on_redis(make_server, group.url, "v3", "--set", "redis.wait_replicas=1").start()
        assert "durability:    replica-best-effort\n" in server.output()
        assert "set redis.wait_replicas to 2" in server.log()


@pytest.mark.skipif(not nightly(), reason="at night: it prints a figure for docs/redis.md")
@pytest.mark.parametrize("fault", [planned, hung, killed])
@pytest.mark.limit(600)
def test_what_the_class_best_effort_loses(make_server, folder, rng, fault):
    for number in range(RUNS):
        lost, count, _ = asyncio.run(lost_in_failover(
            make_server, folder / f"redis{number}", rng, fault, 2, 1))
        print(f"{fault.__name__}, 2 replicas, 1 waited for: {lost} of {count} acknowledged orders lost")
        assert count > 0
