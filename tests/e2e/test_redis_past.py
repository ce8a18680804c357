"""A Redis that forgot what was acknowledged: flushed, or set back to an older copy of its data.  The
sale freezes, it sells nothing twice, and a reset by the operator opens a new epoch."""
import pytest

from flashsale import sized
from redis_sales import on_redis, variants
from redis_server import RedisServer

STOCK = 50
EVERY = variants("v2", "v3", "v4")  # a buyer of v4 has one home, so these lose and freeze one shard


def buy_many(server, buyer, count, prefix):
    """Purchases on connections of their own, so that every worker sells; {(status, code): n}."""
    counts = {}
    for number in range(count):
        answer = server.buy("tv", buyer, key=f"{prefix}-{number}")
        outcome = (answer.status, answer.code if answer.status != 200 else None)
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def check_frozen(server, buyer, prefix,
                 allowed=((503, "unavailable"), (504, "undetermined"))):  # 504: sold, and then lost
    counts = buy_many(server, buyer, 24, prefix)
    assert set(counts) <= set(allowed), f"sold or refused out of a store that forgot: {counts}"
    answer = server.buy("tv", buyer)
    assert answer.status != 503 or (answer.get("retry-after") or "").isdigit(), answer.headers


def check_sells_in_a_new_epoch(server, buyer, others=()):
    before = server.admin_ask("PUT", "/admin/products/tv", {"stock": 5, "reset": True})
    assert before.status in (200, 201), before
    counts = buy_many(server, buyer, 8, "new")
    assert counts == {(200, None): 5, (400, "sold_out"): 3}, counts
    for one in (server, *others):
        assert one.stock("tv") == 0
        one.audit("tv")


def check_trouble(server, product, state):
    """Every place where an operator looks names the sale, its state, the reason and the way out."""
    sales = server.admin_ask("GET", "/admin/products").json()["products"]
    row = next(sale for sale in sales if sale["product_id"] == product)
    assert row == server.admin_ask("GET", f"/admin/products/{product}").json()
    assert row["state"] == state and row["reason"] and row["since"], row
    assert "--reset" in row["next_step"], row
    ready = server.admin_ask("GET", "/readyz?verbose", token="")
    assert ready.status == 200, "other sales sell"
    named = {sale["product_id"]: sale for sale in ready.json()["sales"]}
    assert ready.json()["sales_in_trouble"] == len(named), ready
    assert set(named) == {sale["product_id"] for sale in sales if "next_step" in sale}
    assert all(named[product][member] == row[member]
               for member in ("state", "reason", "since", "next_step")), ready
    metrics = server.admin_ask("GET", "/metrics", token="").body.decode()
    assert f'flashsale_sale_trouble{{product_id="{product}",state="{state}"}} 1' in metrics
    for change in ({"state": "open"}, {"state": "open", "closes_at": None}):
        answer = server.admin_ask("PATCH", f"/admin/products/{product}", change)
        assert (answer.status, answer.code) == (409, "sale_frozen"), answer
        assert state in answer.json()["detail"] and row["reason"] in answer.json()["detail"], answer
    assert all("next_step" not in sale for sale in sales if sale["state"] == "open"), sales


def check_nothing_but_a_reset_helps(server):
    answer = server.admin_ask("GET", "/admin/products/tv/audit")
    assert (answer.status, answer.code) == (503, "unavailable"), answer
    answer = server.ask("GET", "/inventory/tv")
    body = answer.json()
    assert (body["state"], body["stock"], body["initial"]) == ("lost", None, None), body
    check_trouble(server, "tv", "lost")
    for method, body in (("PUT", {"stock": 5}), ("PATCH", {"add": 5}), ("PATCH", {"per_user_max": 1})):
        answer = server.admin_ask(method, "/admin/products/tv", body)
        assert (answer.status, answer.code) == (409, "sale_frozen"), answer
        assert "reset" in answer.json()["detail"], answer


@EVERY
@pytest.mark.parametrize("workers", [1, 2])
def test_a_flushed_redis_freezes_the_sale(make_server, folder, variant, workers):
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, "--workers", workers).start()
        server.sale("tv", stock=STOCK)
        buyer = server.login("user_1")
        assert buy_many(server, buyer, 20, "a") == {(200, None): 20}
        redis.ask("FLUSHALL")
        check_frozen(server, buyer, "b")
        check_nothing_but_a_reset_helps(server)
        check_sells_in_a_new_epoch(server, buyer)


@EVERY
@pytest.mark.parametrize("workers", [1, 2])
def test_a_sale_set_back_is_frozen_at_every_worker(make_server, folder, variant, workers):
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, "--workers", workers).start()
        server.sale("tv", stock=STOCK)
        buyer = server.login("user_1")
        assert buy_many(server, buyer, 10, "a") == {(200, None): 10}
        redis.keep("older")
        assert buy_many(server, buyer, 10, "b") == {(200, None): 10}
        redis.kill()
        redis.set_back("older")
        redis.start()
        wait_until_asked(server)
        check_frozen(server, buyer, "c")
        # A purchase that was acknowledged and forgotten is not sold again as if it were new.
        check_frozen(server, buyer, "b")
        check_sells_in_a_new_epoch(server, buyer)


@EVERY
def test_what_one_worker_acknowledged_the_others_do_not_sell_again(make_server, folder, variant):
    """The sales after the copy are all made at one worker; then the others are asked first."""
    rounds = sized(8, 60)
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, "--workers", 2).start()
        buyer = server.login("user_1")
        twice = []
        for number in range(rounds):
            assert server.admin_ask("PUT", "/admin/products/tv",
                                    {"stock": STOCK, "reset": True}).status in (200, 201)
            assert buy_many(server, buyer, 6, f"a{number}") == {(200, None): 6}
            redis.keep(f"older-{number}")
            with server.wire() as wire:
                for _ in range(10):
                    assert wire.ask("POST", "/purchase/tv", buyer, b'{"quantity":1}').status == 200
            redis.kill()
            redis.set_back(f"older-{number}")
            redis.start()
            wait_until_asked(server)
            first = server.buy("tv", buyer)
            if first.status != 503:
                twice.append(f"round {number}: {first}")
        print(f"{variant}: {rounds} times set back, sold twice in {len(twice)}")
        assert not twice, twice[:3]


@variants()
def test_a_sale_frozen_by_one_process_is_frozen_for_the_other(make_server, folder, variant):
    with RedisServer(folder / "redis") as redis:
        one, two = (on_redis(make_server, redis.url, variant).start() for _ in range(2))
        one.sale("tv", stock=STOCK)
        buyer, other = one.login("user_1"), two.login("user_2")
        assert buy_many(two, other, 2, "x") == {(200, None): 2}
        assert buy_many(one, buyer, 5, "a") == {(200, None): 5}
        redis.keep("older")
        assert buy_many(one, buyer, 10, "b") == {(200, None): 10}
        redis.kill()
        redis.set_back("older")
        redis.start()
        wait_until_asked(one)
        wait_until_asked(two)
        check_frozen(one, buyer, "c")
        check_frozen(two, other, "d")
        check_sells_in_a_new_epoch(two, other, [one])


@variants()
def test_an_overtaken_process_still_sees_that_its_sales_are_gone(make_server, folder, variant):
    """The other, which acknowledged none of what is gone, cannot know before; its new sales must
    not hide the loss."""
    with RedisServer(folder / "redis") as redis:
        one, two = (on_redis(make_server, redis.url, variant).start() for _ in range(2))
        one.sale("tv", stock=STOCK)
        buyer, other = one.login("user_1"), two.login("user_2")
        assert buy_many(two, other, 2, "x") == {(200, None): 2}
        redis.keep("older")
        assert buy_many(one, buyer, 5, "a") == {(200, None): 5}
        redis.kill()
        redis.set_back("older")
        redis.start()
        wait_until_asked(two)
        wait_until_asked(one)
        print(f"{variant}: the other sold {buy_many(two, other, 12, 'b')}")
        check_frozen(one, buyer, "c")
        check_frozen(two, other, "d")
        check_sells_in_a_new_epoch(one, buyer, [two])


@EVERY
@pytest.mark.limit(sized(60, 600))
def test_a_set_back_amid_a_busy_sale_never_sells_more_than_there_is(make_server, folder, variant,
                                                                    rng):
    """Until the freeze is lifted, what was acknowledged since the start is at most the stock."""
    rounds = sized(5, 50)
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, "--workers", 2).start()
        buyer = server.login("user_1")
        for number in range(rounds):
            assert server.admin_ask("PUT", "/admin/products/tv",
                                    {"stock": STOCK, "reset": True}).status in (200, 201)
            sold = buy_many(server, buyer, rng.randint(1, 20), f"a{number}")[(200, None)]
            redis.keep(f"older-{number}")
            more = rng.randint(1, STOCK - sold)
            sold += buy_many(server, buyer, more, f"b{number}")[(200, None)]
            redis.kill()
            redis.set_back(f"older-{number}")
            redis.start()
            wait_until_asked(server)
            after = buy_many(server, buyer, STOCK, f"c{number}")
            sold += after.get((200, None), 0)
            assert sold <= STOCK, f"round {number}: {sold} acknowledged of {STOCK}: {after}"
            assert (200, None) not in after, f"round {number}: units sold twice: {after}"
        print(f"{variant}: {rounds} times set back")


@EVERY
def test_a_frozen_sale_says_so_in_the_metrics_and_the_log(make_server, folder, variant):
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant).start()
        server.sale("tv", stock=STOCK)
        buyer = server.login("user_1")
        redis.keep("older")
        assert buy_many(server, buyer, 10, "a") == {(200, None): 10}
        redis.kill()
        redis.set_back("older")
        redis.start()
        wait_until_asked(server)
        check_frozen(server, buyer, "c")
        lines = [x for x in server.err_path.read_text().splitlines() if "tv" in x and "ERROR" in x]
        assert 1 <= len(lines) <= 4, f"told {len(lines)} times: {server.log()}"
        text = server.admin_ask("GET", "/metrics", token="").body.decode()
        assert "flashsale_sales_frozen 1" in text.splitlines(), "no metric of a freeze to alert on"
        assert server.ask("GET", "/inventory/tv").json()["state"] == "frozen"
        check_trouble(server, "tv", "frozen")
        check_sells_in_a_new_epoch(server, buyer)
        text = server.admin_ask("GET", "/metrics", token="").body.decode()
        assert "flashsale_sales_frozen 0" in text.splitlines()
        assert "flashsale_sale_trouble{" not in text
        for product in ("1", "2"):
            assert server.buy(product, buyer).status == 200, "another sale is frozen, too"


def wait_until_asked(server):
    """Until every loop has its connection back; asking about another product takes nothing."""
    good = 0
    while good < 16:
        asked = (server.ask("GET", "/inventory/1"),
                 server.admin_ask("GET", "/admin/products/1/audit"))
        good = good + 1 if all(answer.status == 200 for answer in asked) else 0
