"""SIGKILL and SIGTERM under load: what was acknowledged is there, and nothing is sold twice."""
import asyncio
import collections
import signal
import time

import pytest

from flashsale import sized, slowness
from history import History
from http1 import AsyncWire, Ended
from load import Buyers, Load, by_key, settle

SCARCE, PLENTY = 300, 1_000_000
BUYERS = [f"user_{n}" for n in range(1, 41)]


def choose(rng):
    return rng.choice(("scarce", "plenty", "plenty")), rng.randint(1, 3)


async def opened(server):
    server.start()
    server.sale("scarce", stock=SCARCE)
    server.sale("plenty", stock=PLENTY)
    buyers = Buyers(server, History())
    await buyers.login(BUYERS)
    return buyers


def check_books(server, history):
    """Every term of the audit against what the clients were told; all outcomes are known."""
    best = by_key(history.operations).values()
    for product, stock in (("scarce", SCARCE), ("plenty", PLENTY)):
        told = sum(o.units for o in best if o.sold and o.product == product)
        terms = server.audit(product)
        sold = terms.get("units_sold", terms.get("sold"))
        assert sold <= stock, f"{product}: sold {sold} of {stock}"
        assert sold == told, f"{product}: sold {sold}, told {told}"
        assert server.stock(product) == stock - told
    assert history.duplicate_orders() == {}


def answers_by_key(history):
    """{(status, code): keys}, the unanswered being resolved by now."""
    return dict(collections.Counter(
        (o.status, o.code) for o in by_key(history.operations).values()))


async def round_of_load(buyers, rng, number, finish):
    """Load, finish() amid it, restart, and every purchase of the round asked again."""
    history, server = buyers.history, buyers.server
    before = len(history.operations)
    load = Load(buyers, rng, choose, prefix=f"r{number}")
    load.start()
    await asyncio.sleep(rng.uniform(0.02, 0.35) * min(slowness(), 2))
    await finish()
    await load.stop()
    server.start()
    operations = history.operations[before:]
    unknown = sum(o.status is None for o in operations)
    problems = await settle(buyers, operations)
    assert not problems, f"round {number}: {problems[:5]}"
    check_books(server, history)
    return len(operations), unknown


@pytest.mark.limit(sized(150, 3600))
async def test_no_acknowledged_order_is_lost_to_sigkill(make_server, rng, stalls):
    server = make_server()
    buyers = await opened(server)
    rounds, asked, unknown, slowest = sized(20, 250), 0, 0, 0.0

    async def kill():
        server.kill()

    for number in range(rounds):
        done = await round_of_load(buyers, rng, number, kill)
        asked, unknown = asked + done[0], unknown + done[1]
        took = server.took_to_be_ready(stalls)
        slowest = max(slowest, took)
        assert took < 1.0 * slowness(), f"serving again after {server.ready_s:.3f} s"
    counts = answers_by_key(buyers.history)
    print(f"{rounds} kills, {asked} purchases, {unknown} unanswered, slowest restart"
          f" {slowest:.3f} s: {counts}")
    assert set(counts) <= {(200, None), (400, "sold_out")}, counts
    assert unknown > 0, "no kill hit a purchase under way: the test proves nothing"
    everything = await settle(buyers, buyers.history.operations)
    assert not everything, everything[:5]


@pytest.mark.limit(sized(150, 3600))
async def test_no_acknowledged_order_is_lost_to_sigterm(make_server, rng):
    server = make_server()
    buyers = await opened(server)
    rounds, asked, unknown, slowest = sized(20, 100), 0, 0, 0.0

    async def terminate():
        nonlocal slowest
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        while server.is_running():
            assert time.monotonic() - begun < 11.0 * slowness(), "over shutdown_timeout"
            await asyncio.sleep(0.005)
        slowest = max(slowest, time.monotonic() - begun)
        assert server.wait(1) == 0, server.log()
        server.check()

    for number in range(rounds):
        done = await round_of_load(buyers, rng, number, terminate)
        asked, unknown = asked + done[0], unknown + done[1]
    counts = answers_by_key(buyers.history)
    print(f"{rounds} stops, {asked} purchases, {unknown} unanswered, slowest stop {slowest:.3f} s:"
          f" {counts}")
    assert set(counts) <= {(200, None), (400, "sold_out"), (503, "unavailable"), (503, "busy")}


@pytest.mark.limit(60)
async def test_a_killed_server_that_was_cancelling_returns_units_once(make_server, rng):
    server = make_server()
    buyers = await opened(server)
    rounds = sized(5, 50)
    for number in range(rounds):
        before = len(buyers.history.operations)
        load = Load(buyers, rng, lambda r: ("plenty", 2), connections=8, prefix=f"c{number}")
        load.start()
        await asyncio.sleep(0.1)
        await load.stop()
        sold = [o for o in buyers.history.operations[before:] if o.sold and not o.replayed]
        cancelled = await cancel_until_killed(server, buyers, sold, rng)
        server.start()
        at_stake = sum(o.units for o in sold)
        kept = PLENTY - server.stock("plenty")
        told = sum(o.units for o in sold if o.order in cancelled)
        assert at_stake - told >= kept >= 0, f"told {told} of {at_stake}, still sold {kept}"
        for one in sold:
            answer = server.ask("DELETE", f"/orders/{one.order}", buyers.headers(one.buyer))
            assert answer.status == 200, answer
        assert server.stock("plenty") == PLENTY
        server.audit("plenty")
    print(f"{rounds} kills while cancelling")


async def cancel_until_killed(server, buyers, sold, rng):
    """Cancels on 8 connections, kills amid it; the orders whose cancelling was acknowledged."""
    cancelled, queue = set(), list(sold)

    async def one():
        wire = AsyncWire(server.address)
        while queue:
            order = queue.pop()
            try:
                answer = await wire.ask("DELETE", f"/orders/{order.order}",
                                        buyers.headers(order.buyer))
            except (Ended, OSError):
                return
            assert answer.status == 200, answer
            cancelled.add(order.order)

    tasks = [asyncio.create_task(one()) for _ in range(8)]
    await asyncio.sleep(rng.uniform(0.005, 0.05))
    server.kill()
    await asyncio.gather(*tasks)
    return cancelled
