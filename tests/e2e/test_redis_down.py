"""Redis dies, is stopped, or comes back: what was acknowledged stays, nothing is oversold, failures
are told truly and in time, and the shop is back by itself."""
import asyncio
import os
import signal
import time

import pytest

from flashsale import sized, slowness
from history import History
from http1 import AsyncWire
from load import Load
from redis_sales import (Patient, check_books, check_refusals, failures, on_redis, resolve,
                         variants)
from redis_server import RedisServer, is_alive, private_servers

SCARCE, PLENTY = 400, 10_000_000
NAMES = [f"user_{n}" for n in range(1, 33)]
DEADLINE_S = 0.5
DEADLINE = ["--set", f"purchase.deadline={int(DEADLINE_S * 1000)}ms"]
BACK_S = 1.0  # serving again after Redis is
LATE_S = 0.05  # what the contract allows past the deadline


def choose(rng):
    return rng.choice(("scarce", "plenty", "plenty", "plenty")), rng.randint(1, 3)


async def opened(server):
    server.start()
    server.sale("scarce", stock=SCARCE)
    server.sale("plenty", stock=PLENTY)
    buyers = Patient(server, History())
    await buyers.login(NAMES + ["user_99"])
    buyers.probe = buyers.headers("user_99")
    buyers.probe_units = 0
    return buyers


async def check_end(server, buyers):
    """All that was ever asked is known now, and the ledger says the same."""
    told, problems = await resolve(buyers, buyers.history.operations)
    assert not problems + buyers.problems, (problems + buyers.problems)[:5]
    check_books(server, "scarce", SCARCE, told)
    terms = server.audit("plenty")
    units = sum(o.units for o in told.values() if o.product == "plenty")
    assert terms.get("units_sold", terms.get("sold")) == units, f"told {units}: {terms}"
    assert buyers.history.duplicate_orders() == {}
    check_refusals(buyers.history, "scarce", SCARCE, told)
    return told


def check_health(server, ready):
    assert server.admin_ask("GET", "/livez", token="").status == 200
    answer = server.admin_ask("GET", "/readyz?verbose", token="")
    assert (answer.status == 200) == ready, answer


async def back_after(server, limit_s=10.0):
    """Seconds until GET /inventory is answered 200 on many connections, so by every worker; it takes
    nothing."""
    begun = time.monotonic()

    async def one():
        wire = AsyncWire(server.address)
        while (answer := await wire.ask("GET", "/inventory/plenty")).status != 200:
            assert answer.status in (503, 504), answer
            assert time.monotonic() - begun < limit_s, f"still {answer} after {limit_s} s"
            await asyncio.sleep(0.005)
        wire.close()

    await asyncio.gather(*(one() for _ in range(16)))
    return time.monotonic() - begun


async def sells_again_after(buyers, since, limit_s=5.0):
    """Seconds from since to the begin of the last purchase that failed; returns when none did for
    a while."""
    operations = buyers.history.operations
    quiet_s = 0.1
    while True:
        await asyncio.sleep(0.02)
        recent = [o for o in operations[-4000:] if o.begun >= since]
        failed = [o.begun for o in recent if o.status is not None and o.status >= 500]
        pending = [o.begun for o in recent if o.answered is None]
        last = max(failed, default=since)
        now = time.monotonic()
        if now - last > quiet_s and (not pending or now - min(pending) < quiet_s):
            return last - since
        assert now - since < limit_s, f"purchases still fail after {limit_s} s"


async def ready_after(server, since, limit_s=5.0):
    """Seconds from since until /readyz is green."""
    while (await apart(server.admin_ask, "GET", "/readyz", token="")).status != 200:
        assert time.monotonic() - since < limit_s, f"not ready after {limit_s} s"
        await asyncio.sleep(0.005)
    return time.monotonic() - since


async def apart(function, *args, **settings):
    """A blocking call that does not hold up the load."""
    return await asyncio.to_thread(function, *args, **settings)


@variants()
@pytest.mark.limit(sized(90, 1800))
async def test_redis_is_killed_under_load_and_nothing_is_lost(make_server, folder, variant, rng):
    rounds = sized(20, 100)
    slowest, ready = 0.0, 0.0
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE)
        buyers = await opened(server)
        for number in range(rounds):
            load = Load(buyers, rng, choose, prefix=f"r{number}")
            load.start()
            await asyncio.sleep(rng.uniform(0.02, 0.25))
            redis.kill()
            await asyncio.sleep(rng.uniform(0.02, 0.25))
            if number % 5 == 0:
                await apart(check_health, server, ready=False)
            await apart(redis.start)
            returned = time.monotonic()
            slowest = max(slowest, await sells_again_after(buyers, returned))
            ready = max(ready, await ready_after(server, returned))
            await load.stop()
        told = await check_end(server, buyers)
    down = len(failures(buyers.history.operations))
    print(f"{variant}: {rounds} kills, {len(buyers.history.operations)} purchases, {down} failed,"
          f" {len(told)} orders, selling {slowest:.3f} s and ready {ready:.3f} s after the return at"
          f" most: {buyers.history.counts()}")
    assert down > 0, "no kill hit a purchase under way: the test proves nothing"
    assert max(slowest, ready) < BACK_S * slowness()


@variants()
@pytest.mark.limit(60)
async def test_while_redis_is_gone_every_answer_says_so_in_time(make_server, folder, variant):
    """Requests that begin when it has been gone for a while: nothing is taken, so 503."""
    with RedisServer(folder / "redis", tcp=True) as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE)
        buyers = await opened(server)
        order = server.buy("plenty", buyers.probe, key="first").json()["order_id"]
        redis.kill()
        await asyncio.sleep(DEADLINE_S + 0.2)
        asks = [("POST", "/purchase/plenty", b'{"quantity":1}'), ("GET", "/inventory/plenty", None),
                ("GET", f"/orders/{order}", None), ("DELETE", f"/orders/{order}", None)]
        for method, path, body in asks * 5:
            begun = time.monotonic()
            with server.wire() as wire:
                answer = wire.ask(method, path, buyers.probe, body)
            assert answer.status == 503 and answer.code == "unavailable", (method, path, answer)
            assert (answer.get("retry-after") or "").isdigit(), answer.headers
            assert time.monotonic() - begun < (DEADLINE_S + LATE_S) * slowness()
        assert server.ask("POST", "/purchase/plenty", [], {"quantity": 1}).status == 401
        for _ in range(3):
            check_health(server, ready=False)
            assert server.admin_ask("GET", "/metrics", token="").status == 200
        for method, path, body in (("PUT", "/admin/products/new", {"stock": 1}),
                                   ("PATCH", "/admin/products/plenty", {"add": 1}),
                                   ("GET", "/admin/products", None),
                                   ("GET", "/admin/products/plenty/audit", None)):
            answer = server.admin_ask(method, path, body)
            assert answer.status in (503, 504), (method, path, answer)
        redis.start()
        print(f"{variant}: back after {await back_after(server):.3f} s")
        assert server.stock("plenty") == PLENTY - 1
        assert server.ask("GET", f"/orders/{order}", buyers.probe).json()["quantity"] == 1


@variants()
@pytest.mark.limit(60)
async def test_a_killed_private_redis_is_started_again(make_server, variant, rng):
    rounds, slowest = sized(5, 50), 0.0
    server = on_redis(make_server, None, variant, *DEADLINE)
    buyers = await opened(server)
    for number in range(rounds):
        load = Load(buyers, rng, choose, prefix=f"p{number}", connections=16)
        load.start()
        await asyncio.sleep(rng.uniform(0.05, 0.2))
        before = private_servers(server)
        assert len(before) == 1, before
        os.kill(before[0], signal.SIGKILL)
        killed = time.monotonic()
        while private_servers(server) in ([], before):
            assert time.monotonic() - killed < 5 * slowness(), f"not started again: {server.log()}"
            await asyncio.sleep(0.005)
        await back_after(server)
        slowest = max(slowest, time.monotonic() - killed)
        await asyncio.sleep(0.05)
        await load.stop()
        assert not is_alive(before[0])
    told = await check_end(server, buyers)
    print(f"{variant}: {rounds} kills, {len(told)} orders, serving again {slowest:.3f} s after the"
          f" kill at most: {buyers.history.counts()}")
    last = private_servers(server)
    server.stop()
    assert not any(is_alive(pid) for pid in last), "a redis-server was left"


@variants()
@pytest.mark.limit(90)
async def test_a_killed_flashsale_leaves_no_redis_and_finds_all_orders(make_server, variant, rng):
    rounds, slowest = sized(5, 50), 0.0
    server = on_redis(make_server, None, variant)
    buyers = await opened(server)
    for number in range(rounds):
        load = Load(buyers, rng, choose, prefix=f"o{number}")
        load.start()
        await asyncio.sleep(rng.uniform(0.05, 0.2))
        redis = private_servers(server)
        server.kill()
        killed = time.monotonic()
        while any(is_alive(pid) for pid in redis):
            assert time.monotonic() - killed < 3 * slowness(), "redis-server outlives flashsale"
            await asyncio.sleep(0.005)
        await load.stop()
        server.start()
        slowest = max(slowest, server.ready_s)
        await check_end(server, buyers)
    print(f"{variant}: {rounds} kills, {len(buyers.history.operations)} purchases, ready again in"
          f" {slowest:.3f} s at most")
    assert slowest < 1.0 * slowness()


def test_two_servers_do_not_share_one_private_redis(make_server):
    one = make_server(strategy_name="v3").start()
    two = make_server(strategy_name="v3")
    two.data_dir = one.data_dir
    two.spawn()
    code = two.wait_for_end_or_ready()
    assert code in (1, 2), "a second server took the first one's folder"
    assert len(two.err_path.read_text().strip()) > 20, two.log()
    one.sale("tv", stock=3)
    assert one.buy("tv", one.login("user_1")).status == 200


# A Redis that does not answer for a while

def gauge(server, name):
    """The sum of a metric over its labels."""
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
    assert lines, f"no metric {name}"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@variants()
@pytest.mark.limit(sized(90, 1200))
async def test_a_stopped_redis_is_answered_in_time_and_survived(make_server, folder, variant, rng):
    pauses, connections, in_flight_max, workers = sized(10, 100), 32, 64, 2
    recovery, most = 0.0, 0
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE, "--workers", workers,
                          "--set", f"redis.in_flight_max={in_flight_max}")
        buyers = await opened(server)
        for number in range(pauses):
            pause_s = 0.05 * (3.0 / 0.05) ** (number / (pauses - 1))
            load = Load(buyers, rng, choose, connections=connections, prefix=f"s{number}")
            load.start()
            await asyncio.sleep(0.1)
            redis.pause()
            try:
                paused = asyncio.create_task(asyncio.sleep(pause_s))
                await asyncio.sleep(pause_s / 2)
                most = max(most, await apart(gauge, server, "store_in_flight"))
                assert (await apart(server.admin_ask, "GET", "/livez", token="")).status == 200
                await paused
            finally:
                redis.go_on()
            recovery = max(recovery, await sells_again_after(buyers, time.monotonic()))
            await load.stop()
        took = [o.answered - o.begun for o in buyers.history.operations if o.answered]
        lateness = max(took) - DEADLINE_S
        unanswered = [o for o in buyers.history.operations if o.answered is None]
        counts = buyers.history.counts()
        await check_end(server, buyers)
    print(f"{variant}: {pauses} pauses of 50 to 3000 ms, {len(took)} purchases, the latest answer"
          f" {1000 * lateness:.0f} ms past the deadline, {most:.0f} in flight at most, selling"
          f" {recovery:.3f} s after the pause at most: {counts}")
    assert not unanswered, f"{len(unanswered)} connections ended without an answer"
    assert max(took) > DEADLINE_S / 2, "no pause was felt: the test proves nothing"
    assert lateness < (LATE_S + 0.1) * slowness(), "0.1 s of it is for the scheduler"
    assert most <= in_flight_max * workers
    assert recovery < BACK_S * slowness()


@variants()
@pytest.mark.limit(60)
async def test_a_crowd_before_a_stopped_redis_is_bounded(make_server, folder, variant):
    """More purchases than may be under way: the rest is refused at once, none is forgotten."""
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE, "--workers", 2,
                          "--set", "redis.in_flight_max=16", "--set", "purchase.in_flight_max=100")
        buyers = await opened(server)
        wires = [AsyncWire(server.address) for _ in range(600)]
        for wire in wires:
            await wire.connect()
        redis.pause()
        begun = time.monotonic()
        try:
            done = await asyncio.gather(*(
                buyers.buy(wire, NAMES[n % len(NAMES)], "plenty", 1, f"crowd-{n}")
                for n, wire in enumerate(wires)))
        finally:
            redis.go_on()
        took = time.monotonic() - begun
        for wire in wires:
            wire.close()
        counts = buyers.history.counts()
        print(f"{variant}: {counts}, all answered after {took:.3f} s")
        assert all(o.status in (503, 504) for o in done), counts
        assert sum(o.status == 504 for o in done) <= 200
        assert took < (DEADLINE_S + 1.0) * slowness()
        await back_after(server)
        told = await check_end(server, buyers)
        assert len(told) <= 200
