"""What a response promises about the order that a request names (docs/answers.md)."""
import time

import pytest

from proxy import Proxy
from flashsale import nightly, slowness
from redis_sales import DEADLINE, on_redis, variants
from redis_server import RedisServer

EVERY = variants("v2", "v3", "v4", "v2-textbook") if nightly() else variants("v3", "v4")
NOTHING_TAKEN = "nothing was taken"


def check_in_doubt(answer):
    assert (answer.status, answer.code) == (504, "undetermined"), answer
    assert NOTHING_TAKEN not in answer.json()["detail"].lower(), answer


def until_sold(server, product, buyer, key, units=1):
    limit = time.monotonic() + 20 * slowness()
    while (answer := server.buy(product, buyer, units, key=key)).status != 200:
        assert answer.status in (503, 504), answer
        assert time.monotonic() < limit, answer
        time.sleep(0.02)
    return answer


def audit(server, product):
    """When the admin's loop has its store again, too."""
    limit = time.monotonic() + 20 * slowness()
    while server.admin_ask("GET", f"/admin/products/{product}/audit").status == 503:
        assert time.monotonic() < limit, server.log()
        time.sleep(0.02)
    server.audit(product)


@EVERY
def test_a_sold_order_is_in_doubt_while_redis_is_away(make_server, folder, variant):
    with RedisServer(folder / "redis", tcp=True) as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE).start()
        server.sale("tv", stock=50)
        buyer = server.login("user_1")
        sold = server.buy("tv", buyer, key="sold")
        assert sold.status == 200, sold
        order = sold.json()["order_id"]
        redis.kill()
        for _ in range(6):  # several workers: what one of them knows, all say
            check_in_doubt(server.buy("tv", buyer, key="sold"))
            check_in_doubt(server.ask("GET", f"/orders/{order}", buyer))
            check_in_doubt(server.ask("DELETE", f"/orders/{order}", buyer))
            first = server.buy("tv", buyer, key="never-asked-for-before")
            assert (first.status, first.code) == (503, "unavailable"), first
            assert "earlier request" in first.json()["detail"], first
            keyless = server.buy("tv", buyer)
            assert (keyless.status, keyless.code) == (503, "unavailable"), keyless
            assert NOTHING_TAKEN in keyless.json()["detail"], keyless
        redis.start()
        again = until_sold(server, "tv", buyer, "sold")
        assert again.body == sold.body and again.get("idempotency-replayed") == "true", again
        audit(server, "tv")


@EVERY
def test_an_order_whose_reply_was_lost_stays_in_doubt_while_redis_is_away(make_server, folder, variant):
    with RedisServer(folder / "redis", tcp=True) as redis, Proxy(redis.address) as proxy:
        server = on_redis(make_server, proxy.url, variant, *DEADLINE).start()
        server.sale("tv", stock=50)
        buyer = server.login("user_1")
        assert server.buy("tv", buyer, key="warm").status == 200
        harm = proxy.arm("late_reply", b"user_1", skip=1 if variant == "v2-textbook" else 0, delay_s=1.0)
        check_in_doubt(server.buy("tv", buyer, key="lost"))
        assert harm.done.is_set(), "no command came to be harmed"
        redis.kill()
        time.sleep(1.0)  # the connection that waits for the late reply ends
        for _ in range(6):
            check_in_doubt(server.buy("tv", buyer, key="lost"))
        redis.start()
        until_sold(server, "tv", buyer, "lost")
        audit(server, "tv")


@EVERY
def test_another_process_does_not_say_of_a_known_key_that_nothing_was_taken(make_server, folder,
                                                                           variant):
    with RedisServer(folder / "redis", tcp=True) as redis:
        one = on_redis(make_server, redis.url, variant, *DEADLINE).start()
        one.sale("tv", stock=50)
        other = on_redis(make_server, redis.url, variant, *DEADLINE,
                         listen="127.0.0.1:0").start()
        buyer, others_buyer = one.login("user_1"), other.login("user_1")
        order = one.buy("tv", buyer, key="k").json()["order_id"]
        redis.kill()
        answer = other.buy("tv", others_buyer, key="k")
        assert answer.status in (503, 504), answer
        assert NOTHING_TAKEN not in answer.json()["detail"], answer
        check_in_doubt(other.ask("GET", f"/orders/{order}", others_buyer))


@EVERY
def test_a_frozen_sale_replays_what_it_has_and_knows_nothing_of_the_rest(make_server, folder, variant):
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE).start()
        server.sale("tv", stock=50)
        buyer = server.login("user_1")
        sold = server.buy("tv", buyer, key="k")
        assert sold.status == 200, sold
        order = sold.json()["order_id"]
        for key in redis.keys("fs:{tv*}:sale"):
            redis.ask("HSET", key, "frozen", "behind")
        for _ in range(4):
            again = server.buy("tv", buyer, key="k")
            assert again.status == 200 and again.body == sold.body, again
            assert again.get("idempotency-replayed") == "true", again
            other = server.buy("tv", buyer, units=2, key="k")
            assert (other.status, other.code) == (422, "key_reused"), other
        new = server.buy("tv", buyer, key="new")
        assert (new.status, new.code) == (503, "unavailable"), new
        assert server.ask("GET", f"/orders/{order}", buyer).status == 200
        check_in_doubt(server.ask("DELETE", f"/orders/{order}", buyer))


@variants("v2", "v3")
def test_a_sale_whose_key_is_gone_replays_the_orders_that_are_left(make_server, folder, variant):
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE).start()
        server.sale("tv", stock=50)
        buyer = server.login("user_1")
        sold = server.buy("tv", buyer, key="k")
        assert sold.status == 200, sold
        redis.ask("DEL", "fs:{tv}:sale")
        again = server.buy("tv", buyer, key="k")
        assert again.status == 200 and again.body == sold.body, again
        assert server.buy("tv", buyer, key="new").status == 503


@pytest.mark.parametrize("variant", ["v1", "v2", "v3", "v4", "v2-textbook"])
def test_a_replay_is_the_first_decision_whatever_the_limits_are_today(make_server, folder, variant):
    if variant == "v1":
        server = make_server("--set", "purchase.max_quantity=10", strategy_name="v1")
    else:
        server = on_redis(make_server, None, variant, "--set", "purchase.max_quantity=10")
    server.start()
    server.sale("tv", stock=50)
    buyer = server.login("user_1")
    sold = server.buy("tv", buyer, 8, key="k")
    assert sold.status == 200, sold

    def check(what):
        again = server.buy("tv", buyer, 8, key="k")
        assert again.status == 200 and again.body == sold.body, (what, again)
        assert again.get("idempotency-replayed") == "true", (what, again)

    for change in ({"max_quantity": 2}, {"per_user_max": 1}, {"state": "paused"}, {"state": "closed"},
                   {"opens_at": "2099-01-01T00:00:00Z"}):
        assert server.admin_ask("PATCH", "/admin/products/tv", change).status == 200, change
        check(change)
    server.flags = [flag.replace("max_quantity=10", "max_quantity=3") for flag in server.flags]
    server.stop()
    server.start()
    buyer = server.login("user_1")
    check("purchase.max_quantity=3")
    for units, key, status, code in ((8, "other", 400, "invalid_request"), (8, None, 400, "invalid_request"),
                                     (9, "k", 422, "key_reused"), (2_000_000, "k", 400, "invalid_request")):
        answer = server.buy("tv", buyer, units, key=key)
        assert (answer.status, answer.code) == (status, code), (units, key, answer)
        if status == 400:
            assert "1 to 3" in answer.json()["detail"], answer


@EVERY
def test_a_removed_index_of_buyers_does_not_forget_their_limits(make_server, folder, variant):
    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE).start()
        server.sale("tv", stock=50, per_user_max=2)
        buyer = server.login("user_1")
        sold = server.buy("tv", buyer, 2, key="k")
        assert sold.status == 200, sold
        assert server.buy("tv", buyer).code == "user_limit"
        assert redis.ask("DEL", *redis.keys("fs:{tv*}:buyers")) >= 1
        again = server.buy("tv", buyer)
        assert (again.status, again.code) == (503, "unavailable"), again
        assert server.buy("tv", buyer, 2, key="k").body == sold.body
        assert server.ask("GET", "/inventory/tv").json()["state"] == "frozen"
        assert server.admin_ask("PUT", "/admin/products/tv", {"stock": 5, "reset": True}).status == 200
        assert server.buy("tv", buyer, 2).status == 200
        assert server.buy("tv", buyer).code == "user_limit"
        server.audit("tv")


@EVERY
def test_a_removed_index_of_changes_does_not_let_a_restock_work_twice(make_server, folder, variant):
    def add(key):
        return server.admin_ask("PATCH", "/admin/products/tv", {"add": 5},
                                headers=[("Idempotency-Key", key)])

    with RedisServer(folder / "redis") as redis:
        server = on_redis(make_server, redis.url, variant, *DEADLINE).start()
        server.sale("tv", stock=10)
        buyer = server.login("user_1")
        for key in ("one", "one", "two"):
            assert add(key).status == 200
        assert server.stock("tv") == 20
        assert redis.ask("DEL", *redis.keys("fs:{tv*}:changes")) >= 1
        for key in ("one", "two", "three"):
            answer = add(key)
            assert (answer.status, answer.code) == (409, "sale_frozen"), answer
        assert server.stock("tv") == 20
        assert server.buy("tv", buyer).status == 200
        assert server.admin_ask("PUT", "/admin/products/tv", {"stock": 3, "reset": True}).status == 200
        assert add("four").status == 200 and server.stock("tv") == 8


@variants("v3", "v4")
def test_a_purchase_without_a_key_is_never_marked_as_a_replay(make_server, folder, variant):
    with RedisServer(folder / "redis", tcp=True) as redis, Proxy(redis.address) as proxy:
        server = on_redis(make_server, proxy.url, variant).start()
        server.sale("tv", stock=50)
        buyer = server.login("user_1")
        assert server.buy("tv", buyer).status == 200
        for _ in range(5):
            harm = proxy.arm("reset_after", b"user_1")
            answer = server.buy("tv", buyer)
            assert answer.status == 200 and answer.get("idempotency-replayed") is None, answer
            assert harm.done.is_set()
