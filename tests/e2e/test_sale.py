"""A sale from begin to end: exactly what is there is sold, and every answer is true."""
import asyncio
import collections
import json
import pathlib
import subprocess
import sys

import pytest

from flashsale import sized
from history import History
from http1 import AsyncWire
from load import Buyers, released_at_once


@pytest.fixture
def server(make_server):
    """That many wait for one lock is no reason to refuse anybody here."""
    return make_server("--set", "purchase.deadline=30s").start()


def buyers_of(server):
    history = History()
    return Buyers(server, history), history


async def everyone_buys_at_once(server, buyers, product, wants):
    """wants: [(buyer, units)]; each on a connection of its own, connected before."""
    wires = [AsyncWire(server.address) for _ in wants]
    tasks = [lambda w=wire, b=buyer, n=units: buyers.buy(w, b, product, n)
             for wire, (buyer, units) in zip(wires, wants)]
    operations = await released_at_once(wires, tasks)
    for wire in wires:
        wire.close()
    return operations


def check_all_sold(server, history, product, stock):
    assert server.stock(product) == 0
    assert history.units_sold(product) == stock
    assert history.duplicate_orders() == {}
    assert history.wrong_refusals(product, stock) == []
    terms = server.audit(product)
    assert terms.get("units_sold", terms.get("sold")) == stock, terms


@pytest.mark.limit(60)
async def test_a_hundred_buyers_for_a_hundred_units_all_succeed(server):
    buyers, history = buyers_of(server)
    names = [f"user_{n}" for n in range(1, 101)]
    await buyers.login(names)
    await everyone_buys_at_once(server, buyers, "1", [(name, 1) for name in names])
    assert history.counts() == {(200, None): 100}
    check_all_sold(server, history, "1", 100)


@pytest.mark.limit(90)
async def test_a_thousand_buyers_for_a_hundred_units_get_a_hundred_and_no_more(server):
    buyers, history = buyers_of(server)
    names = [f"user_{n}" for n in range(1, 1001)]
    await buyers.login(names)
    await everyone_buys_at_once(server, buyers, "2", [(name, 1) for name in names])
    assert history.counts() == {(200, None): 100, (400, "sold_out"): 900}
    check_all_sold(server, history, "2", 100)
    remaining = sorted(json.loads(o.body)["remaining"] for o in history.sold())
    assert min(remaining) == 0 and max(remaining) < 100, remaining


@pytest.mark.limit(90)
async def test_mixed_quantities_at_once_sell_exactly_all(server, rng):
    buyers, history = buyers_of(server)
    names = [f"user_{n}" for n in range(1, 1001)]
    await buyers.login(names)
    wants = [(name, rng.randint(1, 3)) for name in names]
    await everyone_buys_at_once(server, buyers, "3", wants)
    counts = history.counts()
    assert set(counts) == {(200, None), (400, "sold_out")}, counts
    check_all_sold(server, history, "3", 100)


@pytest.mark.limit(120)
async def test_no_quantity_is_refused_while_enough_is_left(server, rng):
    """Few buyers on many small sales, so that the end of a sale comes often and in small steps; a
    refusal beside many others under way could be excused by any of them."""
    sales, connections = sized(200, 900), 12
    buyers, history = buyers_of(server)
    names = [f"user_{n}" for n in range(1, connections + 1)]
    await buyers.login(names)
    wires = [AsyncWire(server.address) for _ in names]
    stocks = {}
    for number in range(sales):
        product = f"mixed-{number}"
        stocks[product] = rng.randint(1, 60)
        server.sale(product, stock=stocks[product])

        async def until_sold_out(wire, name, product=product):
            most = 3
            while most > 0:
                units = rng.randint(1, most)
                answered = await buyers.buy(wire, name, product, units)
                if answered.code == "sold_out":
                    most = units - 1

        crowd = rng.choice((1, 1, 2, 3, connections))
        await asyncio.gather(*map(until_sold_out, wires[:crowd], names))
    for wire in wires:
        wire.close()
    counts = history.counts()
    print(f"{sales} sales, {len(history.operations)} purchases: {counts}")
    assert set(counts) == {(200, None), (400, "sold_out")}, counts
    for product, stock in stocks.items():
        check_all_sold(server, history, product, stock)


@pytest.mark.limit(60)
async def test_the_same_key_fifty_times_at_once_is_one_order(server, rng):
    buyers, history = buyers_of(server)
    await buyers.login(["user_1"])
    rounds = sized(20, 500)
    for number in range(rounds):
        product, key = f"key-{number}", f"key-{rng.getrandbits(64):x}"
        server.sale(product, stock=10)
        wires = [AsyncWire(server.address) for _ in range(50)]
        operations = await released_at_once(
            wires, [lambda w=wire: buyers.buy(w, "user_1", product, 2, key) for wire in wires])
        again = await buyers.buy(wires[0], "user_1", product, 2, key)
        for wire in wires:
            wire.close()
        counts = collections.Counter((o.status, o.code) for o in operations)
        assert set(counts) <= {(200, None), (409, "in_progress")}, counts
        sold = [o for o in operations if o.sold] + [again]
        assert len({o.body for o in sold}) == 1, {o.body for o in sold}
        assert sum(not o.replayed for o in sold) == 1, counts
        assert server.stock(product) == 8
        server.audit(product)
    print(f"{rounds} keys, 50 requests each")


@pytest.mark.limit(60)
async def test_the_same_key_of_two_buyers_is_two_orders(server):
    buyers, history = buyers_of(server)
    names = [f"user_{n}" for n in range(1, 31)]
    await buyers.login(names)
    server.sale("twins", stock=30)
    wires = [AsyncWire(server.address) for _ in names]
    await released_at_once(wires, [lambda w=w, n=n: buyers.buy(w, n, "twins", 1, "one-key")
                                   for w, n in zip(wires, names)])
    for wire in wires:
        wire.close()
    assert history.counts() == {(200, None): 30}
    assert len({o.order for o in history.operations}) == 30
    assert not any(o.replayed for o in history.operations)
    check_all_sold(server, history, "twins", 30)


@pytest.mark.limit(60)
async def test_a_limit_per_buyer_holds_when_asked_fifty_times_at_once(server):
    buyers, history = buyers_of(server)
    await buyers.login(["user_1"])
    server.sale("limited", stock=100, per_user_max=3)
    wants = [("user_1", 1)] * 50
    await everyone_buys_at_once(server, buyers, "limited", wants)
    assert history.counts() == {(200, None): 3, (409, "user_limit"): 47}
    assert server.stock("limited") == 97
    server.audit("limited")


@pytest.mark.limit(60)
async def test_units_of_a_cancelled_order_come_back_exactly_once(server):
    buyers, history = buyers_of(server)
    names = [f"user_{n}" for n in range(1, 41)]
    await buyers.login(names)
    server.sale("back", stock=40)
    bought = await everyone_buys_at_once(server, buyers, "back", [(name, 1) for name in names])
    assert history.counts() == {(200, None): 40}
    cancelled = bought[:10]
    wires = [AsyncWire(server.address) for _ in range(50)]

    def cancel(wire, one):
        return wire.ask("DELETE", f"/orders/{one.order}", buyers.headers(one.buyer))

    answers = await released_at_once(
        wires, [lambda w=wire, o=cancelled[n % 10]: cancel(w, o) for n, wire in enumerate(wires)])
    for wire in wires:
        wire.close()
    assert collections.Counter(a.status for a in answers) == {200: 50}
    assert server.stock("back") == 10
    terms = server.audit("back")
    assert terms.get("units_sold", terms.get("sold")) == 30, terms


@pytest.mark.limit(60)
async def test_cancelled_units_are_sold_again_to_the_last_one(server, rng):
    buyers, history = buyers_of(server)
    names = [f"user_{n}" for n in range(1, 25)]
    await buyers.login(names)
    server.sale("again", stock=20)
    live = {}

    async def shopper(name):
        wire = AsyncWire(server.address)
        for _ in range(sized(40, 400)):
            one = await buyers.buy(wire, name, "again", rng.randint(1, 3))
            assert (one.status, one.code) in ((200, None), (400, "sold_out")), one.body
            if one.sold and rng.random() < 0.8:
                answer = await wire.ask("DELETE", f"/orders/{one.order}", buyers.headers(name))
                assert answer.status == 200, answer
            elif one.sold:
                live[one.order] = one.units
        wire.close()

    await asyncio.gather(*map(shopper, names))
    print(f"{len(history.operations)} purchases: {history.counts()}")
    assert server.stock("again") == 20 - sum(live.values())
    terms = server.audit("again")
    assert terms.get("units_sold", terms.get("sold")) == sum(live.values()), terms


@pytest.mark.limit(60)
def test_the_plans_script_runs_against_a_running_server(server):
    script = pathlib.Path(__file__).parents[1] / "test_concurrency.py"
    url = "http://{}:{}".format(*server.address)
    for users, product in ((100, "5"), (150, "6")):
        done = subprocess.run(
            [sys.executable, str(script), "--base-url", url, "--users", str(users), "--product",
             product], capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.stock(product) == 0
