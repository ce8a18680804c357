"""Redis dies and comes back: what was acknowledged stays, nothing is oversold, failures are told truly
and in time, and the shop is back by itself."""
import asyncio
import os
import signal
import time

import pytest

from flashsale import sized, slowness
from load import Load
from redis_sales import (BACK_S, DEADLINE, DEADLINE_S, LATE_S, PLENTY, apart, back_after, check_end,
                         choose, failures, on_redis, opened, sells_again_after, variants)
from redis_server import RedisServer, is_alive, private_servers


def check_health(server, ready):
    assert server.admin_ask("GET", "/livez", token="").status == 200
    answer = server.admin_ask("GET", "/readyz?verbose", token="")
    assert (answer.status == 200) == ready, answer


async def ready_after(server, since, stalls, limit_s=10.0):
    """Seconds from since until /readyz is green, without those that the machine stood still."""
    while (await apart(server.admin_ask, "GET", "/readyz", token="")).status != 200:
        assert time.monotonic() - since < limit_s * slowness(), f"not ready after {limit_s} s"
        await asyncio.sleep(0.005)
    now = time.monotonic()
    return now - since - stalls.between(since, now)


@variants()
@pytest.mark.limit(sized(90, 1800))
async def test_redis_is_killed_under_load_and_nothing_is_lost(make_server, folder, variant, rng,
                                                              stalls):
    rounds = sized(20, 100)
    slowest, ready = 0.0, 0.0
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE)
        buyers = await opened(server)
        for number in range(rounds):
            load = Load(buyers, rng, choose, prefix=f"r{number}")
            load.start()
            await asyncio.sleep(rng.uniform(0.02, 0.15))
            redis.kill()
            await asyncio.sleep(rng.uniform(0.02, 0.15))
            if number % 5 == 0:
                await apart(check_health, server, ready=False)
            await apart(redis.start)
            returned = time.monotonic()
            both = await asyncio.gather(sells_again_after(buyers, returned, stalls),
                                        ready_after(server, returned, stalls))
            slowest, ready = max(slowest, both[0]), max(ready, both[1])
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
async def test_while_redis_is_gone_every_answer_says_so_in_time(make_server, folder, variant,
                                                                stalls):
    """Requests that begin when it has been gone for a while: nothing is taken, so 503; 504 where the order
    that is named may exist."""
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
            if path.startswith("/orders"):  # it may exist
                assert answer.status == 504 and answer.code == "undetermined", (method, path, answer)
            else:
                assert answer.status == 503 and answer.code == "unavailable", (method, path, answer)
                assert (answer.get("retry-after") or "").isdigit(), answer.headers
            ended = time.monotonic()
            assert ended - begun - stalls.between(begun, ended) < (DEADLINE_S + LATE_S) * slowness()
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
@pytest.mark.limit(sized(60, 600))
async def test_a_killed_private_redis_is_started_again(make_server, variant, rng):
    rounds, slowest = sized(5, 50), 0.0
    server = on_redis(make_server, None, variant, *DEADLINE)
    buyers = await opened(server)
    for number in range(rounds):
        load = Load(buyers, rng, choose, prefix=f"p{number}", connections=16)
        load.start()
        await asyncio.sleep(rng.uniform(0.05, 0.2))
        before = private_servers(server)
        assert len(before) == (2 if variant == "v4" else 1), before
        os.kill(before[0], signal.SIGKILL)
        killed = time.monotonic()
        while before[0] in private_servers(server) or len(private_servers(server)) < len(before):
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
async def test_a_killed_flashsale_leaves_no_redis_and_finds_all_orders(make_server, variant, rng,
                                                                       stalls):
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
        slowest = max(slowest, server.took_to_be_ready(stalls))
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
