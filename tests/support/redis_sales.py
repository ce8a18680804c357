"""What the tests on a real Redis share: the strategies that use one, buyers that live through faults,
and the books at the end."""
import asyncio
import bisect
import datetime
import itertools
import re
import time

import pytest

from flashsale import nightly, slowness
from history import History, Operation
from http1 import AsyncWire, Ended, Garbage
from load import Buyers, check_order, take

SCARCE, PLENTY = 400, 10_000_000
NAMES = [f"user_{n}" for n in range(1, 33)]
DEADLINE_S = 0.5
DEADLINE = ["--set", f"purchase.deadline={int(DEADLINE_S * 1000)}ms"]
BACK_S = 1.0  # serving again after Redis is
LATE_S = 0.05  # what the contract allows past the deadline

VARIANTS = {
    "v2": ("v2", []),
    "v3": ("v3", []),
    "v4": ("v4", ["--set", "strategy_options.shards=3"]),
    "v2-textbook": ("v2", ["--set", "strategy_options.mode=textbook"]),
}
ALLOWED = {(200, None), (400, "sold_out"), (409, "in_progress"), (503, "busy"),
           (503, "unavailable"), (504, "undetermined")}


def variants(*names):
    every = ("v2", "v3", "v4") if nightly() else ("v2", "v3")
    return pytest.mark.parametrize("variant", names or every)


def on_redis(make_server, redis_url, variant, *flags, **settings):
    """A server, not started, of that variant on that Redis (None: a private one)."""
    strategy, more = VARIANTS[variant]
    where = ["--redis", redis_url] if redis_url else []
    return make_server(*where, *more, *flags, strategy_name=strategy, **settings)


class Patient(Buyers):
    """Buyers of a server whose store fails: they check what every answer owes them, and pause
    after a failure as a client would."""

    def __init__(self, server, history):
        super().__init__(server, history)
        self.problems = []

    async def buy(self, wire, buyer, product, units=1, key=None):
        operation = self.history.add(Operation(str(product), buyer, key, units, time.monotonic()))
        body = b'{"quantity":%d}' % units
        try:
            answer = await wire.ask("POST", f"/purchase/{product}", self.headers(buyer, key), body)
        except Garbage:
            raise
        except (Ended, OSError):
            wire.close()
            return operation
        operation.answered = time.monotonic()
        take(operation, answer)
        if (answer.status, answer.code if answer.status != 200 else None) not in ALLOWED:
            self.problems.append(f"not an answer of the contract: {answer}")
        if answer.status == 503 and not (answer.get("retry-after") or "").isdigit():
            self.problems.append(f"503 without Retry-After: {answer.headers}")
        if answer.status >= 500:
            await asyncio.sleep(0.005)
        return operation


def failures(operations, since=float("-inf"), until=float("inf")):
    """Those begun in a span of time that a server's fault failed."""
    return [o for o in operations
            if since <= o.begun < until and (o.status is None or o.status >= 500)]


async def resolve(buyers, operations, connections=16, patience_s=20.0):
    """Asks again with its key whatever was sold or left unknown (no answer, or 504), until all are
    known; returns ({key: units sold}, problems)."""
    keys = {}
    for one in operations:
        keys.setdefault((one.buyer, one.key), []).append(one)
    told, problems, queue = {}, [], list(keys.values())

    async def worker():
        wire = AsyncWire(buyers.server.address)
        while queue:
            group = queue.pop()
            sold = [o for o in group if o.sold]
            unknown = any(o.status in (None, 504) for o in group)
            if not sold and not unknown:
                continue
            answer = await insist(buyers, wire, group[0], patience_s)
            if answer.status not in (200, 400):
                problems.append(f"unresolved after {patience_s} s: {answer}")
            elif sold and (answer.status != 200 or answer.body != sold[0].body):
                problems.append(f"lost: {sold[0].body!r} is now {answer}")
            elif answer.status == 200:
                problems.extend(judge_sold(group, sold, answer))
                found = Operation(group[0].product, group[0].buyer, group[0].key, group[0].units, 0)
                take(found, answer)
                told[group[0].key] = found
                problems.extend(await check_order_in_the_end(buyers, wire, found, patience_s))
        wire.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return told, problems


async def check_order_in_the_end(buyers, wire, found, patience_s):
    """As check_order(); a store that is busy for a moment is no answer."""
    limit = time.monotonic() + patience_s
    while True:
        problems = await check_order(buyers, wire, found)
        if not any("<503" in problem for problem in problems) or time.monotonic() > limit:
            return problems
        await asyncio.sleep(0.02)


PURCHASE_LINE = re.compile(r'(\S+) \S+ "POST" "/purchase/[^"]*" \d+ \d+ (\d+)us ')


def keep_times(folder):
    """Flags of a server that writes down how long each answer took it."""
    return ["--set", f"http.access_log={folder}/access.log"]


def lateness(folder, deadline_s, stalls):
    """Seconds that the latest answer to a purchase came after its deadline, by the server's own clock and
    without those that the machine stood still."""
    offset_s = time.time() - time.monotonic()
    latest = 0.0
    for line in (folder / "access.log").read_text().splitlines():
        found = PURCHASE_LINE.match(line)
        if found and int(found[2]) / 1e6 - deadline_s > latest:
            answered = datetime.datetime.fromisoformat(found[1][:-1] + "+00:00").timestamp() - offset_s
            took = int(found[2]) / 1e6
            latest = max(latest, took - deadline_s - stalls.between(answered - took, answered))
    return latest


def judge_sold(group, sold, answer):
    replayed = answer.get("idempotency-replayed") == "true"
    if len({o.body for o in sold}) > 1:
        yield f"one key, two answers: {[o.body for o in sold]}"
    if sold and not replayed:
        yield f"decided again: {sold[0].body!r}"
    refused = [o for o in group if o.code == "sold_out"]
    if refused and not sold and replayed:
        yield f"shown as refused though it was sold: {refused[0].body!r}, then {answer}"


async def insist(buyers, wire, one, patience_s):
    """Asks by the same key until there is a decision."""
    limit = time.monotonic() + patience_s
    body = b'{"quantity":%d}' % one.units
    while True:
        headers = buyers.headers(one.buyer, one.key)
        try:
            answer = await wire.ask("POST", f"/purchase/{one.product}", headers, body)
        except Ended:
            wire.close()
            continue
        if answer.status < 500 and answer.status != 409 or time.monotonic() > limit:
            return answer
        await asyncio.sleep(0.02)


def check_books(server, product, stock, told, cancelled=0):
    """The ledger is what the clients were told in the end."""
    units = sum(o.units for o in told.values() if o.product == product) - cancelled
    terms = server.audit(product)
    sold = terms.get("units_sold", terms.get("sold"))
    assert sold <= stock, f"{product}: sold {sold} of {stock}"
    assert sold == units, f"{product}: sold {sold}, told {units}"
    assert server.stock(product) == stock - units
    return units


def check_refusals(history, product, stock, told):
    """No refusal while enough was certainly left: the stock less all that may have been taken by
    then, each at the earliest when it was first asked for."""
    first = {}
    for one in history.of(product):
        if one.key in told:
            first[one.key] = min(first.get(one.key, one.begun), one.begun)
    takers = sorted((begun, told[key].units) for key, begun in first.items())
    times = [begun for begun, _ in takers]
    taken = [0, *itertools.accumulate(units for _, units in takers)]
    for one in history.of(product):
        if one.code == "sold_out":
            left = stock - taken[bisect.bisect_right(times, one.answered)]
            assert left < one.units, f"{one.units} refused though {left} were left: {one.body}"


# Load on a sale that ends and one that does not

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


async def back_after(server, limit_s=20.0):
    """Seconds until GET /inventory is answered 200 on many connections, so by every worker; it takes
    nothing."""
    begun = time.monotonic()

    async def one():
        wire = AsyncWire(server.address)
        while (answer := await wire.ask("GET", "/inventory/plenty")).status != 200:
            assert answer.status in (503, 504), answer
            assert time.monotonic() - begun < limit_s * slowness(), f"still {answer} after {limit_s} s"
            await asyncio.sleep(0.005)
        wire.close()

    await asyncio.gather(*(one() for _ in range(16)))
    return time.monotonic() - begun


async def sells_again_after(buyers, since, stalls, limit_s=10.0):
    """Seconds from since to the begin of the last purchase that failed, without those that the machine
    stood still; returns when none did for a while."""
    operations = buyers.history.operations
    quiet_s = 0.1
    while True:
        await asyncio.sleep(0.02)
        recent = [o for o in operations[-4000:] if o.begun >= since]
        # Who is told "busy" after the first sale waits for a lock that is in use again.
        first = min((o.begun for o in recent if o.sold), default=float("inf"))
        failed = [o.begun for o in recent if o.status is not None and o.status >= 500
                  and (o.code != "busy" or o.begun < first)]
        pending = [o.begun for o in recent if o.answered is None]
        last = max(failed, default=since)
        now = time.monotonic()
        if now - last > quiet_s and min(pending, default=now) > last + quiet_s:
            return last - since - stalls.between(since, last)
        assert now - since < limit_s * slowness(), f"purchases still fail after {limit_s} s"


async def apart(function, *args, **settings):
    """A blocking call that does not hold up the load."""
    return await asyncio.to_thread(function, *args, **settings)
