"""A Redis that does not answer for a while: buyers are answered in time, what is under way is bounded,
and the shop sells again at once when Redis goes on."""
import asyncio
import time

import pytest

from flashsale import sized, slowness
from http1 import AsyncWire
from load import Load
from redis_sales import (BACK_S, DEADLINE, DEADLINE_S, LATE_S, NAMES, apart, back_after, check_end,
                         choose, keep_times, lateness, on_redis, opened, sells_again_after, variants)
from redis_server import RedisServer


def gauge(server, name):
    """The sum of a metric over its labels."""
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
    assert lines, f"no metric {name}"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@variants()
@pytest.mark.limit(sized(90, 1200))
async def test_a_stopped_redis_is_answered_in_time_and_survived(make_server, folder, variant, rng,
                                                                stalls):
    pauses, connections, in_flight_max, workers = sized(10, 100), 32, 64, 2
    recovery, most = 0.0, 0
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE, *keep_times(folder),
                          "--workers", workers, "--set", f"redis.in_flight_max={in_flight_max}")
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
            recovery = max(recovery, await sells_again_after(buyers, time.monotonic(), stalls))
            await load.stop()
        took = [o.answered - o.begun for o in buyers.history.operations if o.answered]
        late = lateness(folder, DEADLINE_S, stalls)
        unanswered = [o for o in buyers.history.operations if o.answered is None]
        counts = buyers.history.counts()
        await check_end(server, buyers)
    print(f"{variant}: {pauses} pauses of 50 to 3000 ms, {len(took)} purchases, the latest answer"
          f" {1000 * late:.0f} ms past the deadline, {most:.0f} in flight at most, selling"
          f" {recovery:.3f} s after the pause at most: {counts}")
    assert not unanswered, f"{len(unanswered)} connections ended without an answer"
    assert max(took) > DEADLINE_S / 2, "no pause was felt: the test proves nothing"
    assert late < (LATE_S + 0.1) * slowness(), "0.1 s of it is for the scheduler"
    assert max(took) < (DEADLINE_S + 5) * slowness(), "it had not even been read"
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
