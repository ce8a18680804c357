"""v2: a process that holds the lock is stopped for longer than the lease, while another sells.  What
it then still wants to write is refused; nothing is oversold."""
import asyncio
import os
import signal
import time

import pytest

from flashsale import sized, slowness
from history import History
from http1 import AsyncWire
from load import Load
from redis_sales import (Patient, check_books, check_refusals, keep_times, lateness, on_redis,
                         resolve, variants)
from redis_server import RedisServer

LEASE_S = 0.15
STOCK = 60
NAMES = [f"user_{n}" for n in range(1, 13)]
FLAGS = ["--set", f"strategy_options.lease={int(LEASE_S * 1000)}", "--workers", "1",
         "--set", "purchase.deadline=1s"]


async def stop_while_it_holds(server, redis, lock, limit_s=10.0):
    """SIGSTOP at a moment when the lock is there and stays: it is this process that holds it."""
    until = time.monotonic() + limit_s * slowness()
    while time.monotonic() < until:
        os.kill(server.pid, signal.SIGSTOP)
        await asyncio.sleep(0.003)  # what it had sent is executed
        if redis.ask("EXISTS", lock):
            return True
        os.kill(server.pid, signal.SIGCONT)
        await asyncio.sleep(0.002)
    return False


def lock_events(server, name):
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    return sum(float(x.rsplit(" ", 1)[1]) for x in text.splitlines() if x.startswith(name))


@variants("v2", "v2-textbook")
@pytest.mark.parametrize("crowd", [1, 60])
@pytest.mark.limit(60)
async def test_who_waits_for_a_lock_in_vain_is_told_busy(make_server, folder, variant, crowd, stalls):
    """Somebody else holds the lock and never writes: nothing was asked of the stock, so no 504."""
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *keep_times(folder), "--workers", "2",
                          "--set", "purchase.deadline=400ms").start()
        server.sale("tv", stock=STOCK)
        buyers = Patient(server, History())
        await buyers.login(NAMES)
        redis.ask("SET", "lock:{tv}", "somebody", "PX", 20_000)
        wires = [AsyncWire(server.address) for _ in range(crowd)]
        for _ in range(5 if crowd == 1 else 1):
            await asyncio.gather(*(buyers.buy(wire, NAMES[n % 12], "tv", 1)
                                   for n, wire in enumerate(wires)))
        for wire in wires:
            wire.close()
        late = lateness(folder, 0.4, stalls)
        print(f"{variant}: {buyers.history.counts()}, {1000 * late:.0f} ms past the deadline")
        assert set(buyers.history.counts()) <= {(503, "busy"), (503, "unavailable")}, \
            buyers.history.counts()
        assert late < 0.15 * slowness()
        assert not buyers.problems, buyers.problems[:3]
        assert redis.ask("GET", "lock:{tv}") == "somebody", "another's lock was taken away"
        assert server.ask("GET", "/inventory/1").status == 200
        assert server.buy("1", buyers.headers("user_1")[1:]).status == 200, "another sale waits, too"
        redis.ask("DEL", "lock:{tv}")
        assert server.buy("tv", buyers.headers("user_1")[1:]).status == 200
        assert server.stock("tv") == STOCK - 1


@variants("v2", "v2-textbook")
@pytest.mark.limit(sized(120, 1200))
async def test_a_holder_stopped_past_its_lease_sells_nothing_twice(make_server, folder, variant, rng):
    rounds, held_s = sized(20, 100), 0.0
    with RedisServer(folder / "redis") as redis:
        stopped, other = (on_redis(make_server, redis.url, variant, *FLAGS).start()
                          for _ in range(2))
        history = History()
        buyers = [Patient(server, history) for server in (stopped, other)]
        for crowd in buyers:
            await crowd.login(NAMES)
        for number in range(rounds):
            product = f"tv-{number}"
            stopped.sale(product, stock=STOCK)
            load = Load(buyers[0], rng, lambda r: (product, r.randint(1, 3)), connections=6,
                        prefix=f"a{number}")
            load.start()
            try:
                assert await stop_while_it_holds(stopped, redis, f"lock:{{{product}}}"), \
                    "the lock was never seen"
                begun = time.monotonic()
                wire = AsyncWire(other.address)
                for attempt in range(40):
                    one = await buyers[1].buy(wire, NAMES[attempt % 12], product,
                                              rng.randint(1, 3), f"b{number}-{attempt}")
                    if one.status == 200 and attempt == 0:
                        held_s = max(held_s, time.monotonic() - begun)
                    if one.code == "sold_out":
                        break
                wire.close()
                await asyncio.sleep(max(0.0, LEASE_S + 0.02 - (time.monotonic() - begun)))
            finally:
                os.kill(stopped.pid, signal.SIGCONT)
            await asyncio.sleep(0.05)
            await load.stop()
        told, problems = await resolve(buyers[0], [o for o in history.operations if o.key[0] == "a"])
        more, others = await resolve(buyers[1], [o for o in history.operations if o.key[0] == "b"])
        told.update(more)
        problems += others + buyers[0].problems + buyers[1].problems
        assert not problems, problems[:5]
        for number in range(rounds):
            check_books(other, f"tv-{number}", STOCK, told)
            check_refusals(history, f"tv-{number}", STOCK, told)
        lost = lock_events(stopped, "lock_lost_total")
        print(f"{variant}: {rounds} holders stopped, the other waited {held_s:.3f} s at most, locks"
              f" lost {lost:.0f}, {len(told)} orders: {history.counts()}")
