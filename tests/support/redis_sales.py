"""What the tests on a real Redis share: the strategies that use one, buyers that live through faults,
and the books at the end."""
import asyncio
import bisect
import itertools
import time

import pytest

from history import Operation
from http1 import AsyncWire, Ended, Garbage
from load import Buyers, check_order, take

VARIANTS = {
    "v2": ("v2", []),
    "v3": ("v3", []),
    "v2-textbook": ("v2", ["--set", "strategy_options.mode=textbook"]),
}
ALLOWED = {(200, None), (400, "sold_out"), (409, "in_progress"), (503, "busy"),
           (503, "unavailable"), (504, "undetermined")}


def variants(*names):
    return pytest.mark.parametrize("variant", names or ("v2", "v3"))


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


async def resolve(buyers, operations, connections=16, patience_s=5.0):
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
                problems.extend(await check_order(buyers, wire, found))
        wire.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return told, problems


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
