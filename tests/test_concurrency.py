"""The plan's concurrency test: 100 buyers want one unit each of 100 at the same time, and all get it.

    python3 -m pytest tests/test_concurrency.py                       starts a server of its own
    python3 -m pytest tests/test_concurrency.py --base-url URL        a running one
    python3 tests/test_concurrency.py --base-url URL [--users 100] [--product 1]

Against a running server the product must have as many units left as there are users.
"""
import argparse
import asyncio
import collections
import pathlib
import sys
import uuid

import aiohttp
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
import flashsale  # noqa: E402  (in support/)

USERS = 100
AGAIN_MAX = 10  # times that a buyer of v2 asks again
PASSWORD = "password123"


async def login(session, base_url, name):
    body = {"username": name, "password": PASSWORD}
    async with session.post(f"{base_url}/login", json=body) as response:
        assert response.status == 200, f"log-in of {name}: {response.status} {await response.text()}"
        return (await response.json())["access_token"]


async def purchase(session, base_url, token, product, quantity):
    """(status, body) of the decision, of the plan's request: without an idempotency key.

    When a thousand wait for v2's one lock, some are told busy, unavailable or undetermined.  Its buyers
    name a key and ask again, as the answers tell them to; the other strategies must decide at once."""
    headers = {"Authorization": f"Bearer {token}"}
    patience = 0
    if flashsale.strategy() == "v2":
        headers["Idempotency-Key"], patience = uuid.uuid4().hex, AGAIN_MAX
    for _ in range(1 + patience):
        async with session.post(f"{base_url}/purchase/{product}", json={"quantity": quantity},
                                headers=headers) as response:
            status, body = response.status, await response.json(content_type=None)
        if status not in (409, 503, 504):
            break
        await asyncio.sleep(float(response.headers.get("Retry-After", 0.5)))
    return status, body


async def stock(session, base_url, product):
    async with session.get(f"{base_url}/inventory/{product}") as response:
        assert response.status == 200, f"GET /inventory/{product}: {response.status}"
        return (await response.json())["stock"]


async def ask_at_once(base_url, users, product, first_user, quantities):
    """(stock before, (status, body) of each user, stock after); users take the quantities in turn."""
    timeout = aiohttp.ClientTimeout(total=30)

    def session():  # of its own for each phase: no connection idles until the server closes it
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)

    async with session() as visit:
        before = await stock(visit, base_url, product)
        names = [f"user_{first_user + number}" for number in range(users)]
        tokens = await asyncio.gather(*(login(visit, base_url, name) for name in names))
    async with session() as visit:
        answers = await asyncio.gather(
            *(purchase(visit, base_url, token, product, quantities[number % len(quantities)])
              for number, token in enumerate(tokens)))
        after = await stock(visit, base_url, product)
    return before, answers, after


async def buy_at_once(base_url, users, product, first_user=1):
    """(stock before, answers by status, order ids, stock after) when each wants one unit."""
    before, answers, after = await ask_at_once(base_url, users, product, first_user, [1])
    statuses = collections.Counter(status for status, _ in answers)
    orders = {body["order_id"] for status, body in answers if status == 200}
    return before, dict(statuses), orders, after


@pytest.fixture
def base_url(request):
    given = request.config.getoption("--base-url")
    if given:
        return given.rstrip("/")
    server = request.getfixturevalue("server")
    return "http://{}:{}".format(*server.address)


@pytest.mark.limit(60)
async def test_a_hundred_buyers_of_one_unit_all_get_one_of_a_hundred(base_url):
    before, statuses, orders, after = await buy_at_once(base_url, USERS, 1)
    assert before >= USERS, f"the product has {before} units left, {USERS} are needed"
    assert statuses == {200: USERS}
    assert len(orders) == USERS
    assert after == before - USERS


@pytest.mark.limit(60)
async def test_of_a_thousand_buyers_exactly_a_hundred_get_one(base_url):
    before, statuses, orders, after = await buy_at_once(base_url, 1000, 2, first_user=1001)
    assert before == 100, f"the product has {before} units left, 100 are needed"
    assert statuses == {200: 100, 400: 900}
    assert len(orders) == 100
    assert after == 0


@pytest.mark.limit(60)
async def test_a_thousand_buyers_of_one_to_three_units_get_exactly_a_hundred(base_url):
    before, answers, after = await ask_at_once(base_url, 1000, 3, 2001, [1, 2, 3])
    assert before == 100, f"the product has {before} units left, 100 are needed"
    sold = [body for status, body in answers if status == 200]
    refused = [body for status, body in answers if status == 400]
    assert len(sold) + len(refused) == 1000
    assert sum(body["quantity"] for body in sold) == 100
    assert {body["code"] for body in refused} == {"sold_out"}
    assert len({body["order_id"] for body in sold}) == len(sold)
    assert after == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--product", default="1")
    options = parser.parse_args()
    before, statuses, orders, after = asyncio.run(
        buy_at_once(options.base_url.rstrip("/"), options.users, options.product))
    print(f"product {options.product}: {before} units before, {after} after;"
          f" {options.users} buyers; answers {statuses}; {len(orders)} orders")
    due = min(before, options.users)
    wanted = {200: due, 400: options.users - due}
    if statuses != {k: v for k, v in wanted.items() if v} or after != before - due:
        print(f"wrong: expected {wanted} and {before - due} units after")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
