"""Outcomes that nobody knows: commands and replies that are lost, or late, between flashsale and
Redis.  None is shown as a refusal, each is known in the end, and the ledger is what was told."""
import asyncio
import time

import pytest

from flashsale import sized, slowness
from history import History
from http1 import AsyncWire
from load import Load, take
from proxy import Proxy
from redis_sales import (Patient, check_books, check_refusals, failures, insist, on_redis, resolve,
                         variants)
from redis_server import RedisServer

SCARCE, PLENTY = 300, 10_000_000
NAMES = [f"user_{n}" for n in range(1, 17)]
DEADLINE_S = 0.12
HARMS = {"reset-after": ["reset_after"], "reset-before": ["reset_before"],
         "late": ["late_request", "late_reply"]}


def choose(rng):
    return rng.choice(("scarce", "plenty", "plenty", "plenty")), rng.randint(1, 3)


async def opened(make_server, redis, proxy, variant):
    """(buyers of a server behind the proxy, and a server without it that has time)"""
    direct = on_redis(make_server, redis.url, variant).start()
    direct.sale("scarce", stock=SCARCE)
    direct.sale("plenty", stock=PLENTY)
    server = on_redis(make_server, proxy.url, variant, "--set",
                      f"purchase.deadline={int(DEADLINE_S * 1000)}ms").start()
    buyers = Patient(server, History())
    await buyers.login(NAMES)
    return buyers, direct


async def looked_up(buyers, wire, order):
    """The answer when the store had the time for it."""
    limit = time.monotonic() + 20 * slowness()
    while (found := await buyers.lookup(wire, "user_1", order)).status in (503, 504):
        assert time.monotonic() < limit, found
        await asyncio.sleep(0.02)
    return found


async def until_done(harms, limit_s=20.0):
    until = time.monotonic() + limit_s * slowness()
    while not all(harm.done.is_set() for harm in harms):
        assert time.monotonic() < until, "no command came to be harmed"
        await asyncio.sleep(0.003)


@variants()
@pytest.mark.parametrize("harm", list(HARMS))
@pytest.mark.limit(sized(90, 900))
async def test_what_became_of_a_purchase_is_known_in_the_end(make_server, folder, variant, harm, rng):
    rounds, done = sized(100, 500), 0
    with RedisServer(folder / "redis") as redis, Proxy(redis.address) as proxy:
        buyers, direct = await opened(make_server, redis, proxy, variant)
        load = Load(buyers, rng, choose, connections=8)
        load.start()
        while done < rounds:
            # Two at a time, since each worker has its own connection.
            products = rng.choices((b"scarce", b"plenty", b"plenty", b"plenty"), k=2)
            delay_s = DEADLINE_S * rng.uniform(0.5, 1.6)
            both = [proxy.arm(rng.choice(HARMS[harm]), product, rng.randrange(6), delay_s)
                    for product in products]
            await until_done(both)
            done += len(both)
            await asyncio.sleep(rng.uniform(0.0, 0.03))
        await asyncio.sleep(2 * DEADLINE_S)
        await load.stop()
        counts = buyers.history.counts()
        told, problems = await resolve(buyers, buyers.history.operations)
        assert not problems + buyers.problems, (problems + buyers.problems)[:5]
        check_books(direct, "scarce", SCARCE, told)
        units = check_books(direct, "plenty", PLENTY, told)
        assert buyers.history.duplicate_orders() == {}
        felt = len(failures(buyers.history.operations))
        assert felt > 0, "nobody felt it: the test proves nothing"
        check_refusals(buyers.history, "scarce", SCARCE, told)
        wrong = [o for o in buyers.history.of("plenty") if o.status == 400]
        assert not wrong, f"refused though {PLENTY - units} are left: {wrong[0].body}"
    print(f"{variant}, {harm}: {done} harmed, {len(buyers.history.operations)} purchases, {felt}"
          f" felt it, {len(told)} orders, {proxy.connections} connections: {counts}")


@variants()
@pytest.mark.limit(sized(60, 600))
async def test_a_503_took_nothing_and_a_504_resolves(make_server, folder, variant, rng):
    """One purchase at a time, so that what it took can be seen before it is asked for again."""
    rounds = sized(20, 500)
    seen = {}
    with RedisServer(folder / "redis") as redis, Proxy(redis.address) as proxy:
        buyers, direct = await opened(make_server, redis, proxy, variant)
        wire = AsyncWire(buyers.server.address)
        left = PLENTY
        for number in range(rounds):
            kind = rng.choice(("reset_before", "reset_after", "late_request", "late_reply"))
            delay_s = DEADLINE_S * rng.uniform(1.1, 1.6)
            harm = proxy.arm(kind, b"plenty", rng.randrange(2) if variant == "v2" else 0, delay_s)
            units = rng.randint(1, 3)
            one = await buyers.buy(wire, "user_1", "plenty", units, f"one-{number}")
            if not proxy.disarm(harm):
                assert await asyncio.to_thread(harm.over.wait, 20 * slowness())
            seen[(kind, one.status)] = seen.get((kind, one.status), 0) + 1
            assert one.status in (200, 503, 504), (kind, one.status, one.body)
            if kind.startswith("late"):
                await asyncio.sleep(2 * delay_s)  # for what was held behind it
            elif one.status == 503:
                await asyncio.sleep(0.05)
            took = left - direct.stock("plenty")
            if one.status == 503:
                assert took == 0, f"{kind}: 503 {one.code}, but {took} units are gone"
            assert took in (0, units), f"{kind}: {one.status} took {took} of {units}"
            answer = await insist(buyers, wire, one, 20.0)
            assert answer.status == 200, (kind, answer)
            assert (answer.get("idempotency-replayed") == "true") == (took == units), (kind, answer)
            order = answer.json()["order_id"]
            found = await looked_up(buyers, wire, order)
            assert found.status == 200 and found.json()["quantity"] == units, found
            left -= units
            assert direct.stock("plenty") == left
        assert not buyers.problems, buyers.problems[:5]
        direct.audit("plenty")
    print(f"{variant}: {rounds} rounds, answers by harm: {seen}")


@variants()
@pytest.mark.limit(sized(60, 600))
async def test_a_cancel_without_an_answer_returns_units_once(make_server, folder, variant, rng):
    rounds = sized(16, 500)
    with RedisServer(folder / "redis") as redis, Proxy(redis.address) as proxy:
        buyers, direct = await opened(make_server, redis, proxy, variant)
        wire = AsyncWire(buyers.server.address)
        seen = {}
        for number in range(rounds):
            one = await buyers.buy(wire, "user_1", "plenty", 2, f"c-{number}")
            if one.status != 200:  # a slow disk may take longer than the deadline
                assert one.status in (503, 504), one.body
                take(one, await insist(buyers, wire, one, 20.0))
                assert one.status == 200, one.body
            kind = rng.choice(("reset_before", "reset_after", "late_request", "late_reply"))
            harm = proxy.arm(kind, b"plenty", rng.randrange(2), 1.5 * DEADLINE_S)
            answers = []
            for _ in range(200):
                answers.append(await wire.ask("DELETE", f"/orders/{one.order}",
                                              buyers.headers("user_1")))
                if answers[-1].status == 200 and len(answers) > 1:
                    break
                await asyncio.sleep(0.02)
            if not proxy.disarm(harm):
                assert await asyncio.to_thread(harm.over.wait, 20 * slowness())
            statuses = {a.status for a in answers}
            assert statuses <= {200, 503, 504} and answers[-1].status == 200, (kind, answers)
            seen[kind] = seen.get(kind, 0) + 1
            wire.close()
        terms = direct.audit("plenty")
        assert terms.get("units_sold", terms.get("sold")) == 0, terms
        assert direct.stock("plenty") == PLENTY
    print(f"{variant}: {rounds} cancels harmed: {seen}")
