"""A Redis user who may not do everything: the documented rule is enough, and a permission that is missing
or taken away means 503 with its name, never a sale that is half written."""
import pathlib
import re
import time

import pytest

from flashsale import nightly, slowness
from redis_sales import on_redis, variants
from redis_server import RedisServer

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "redis.md"
EVERY = variants("v2", "v3", "v4", "v2-textbook") if nightly() else variants("v2", "v4")
OF_CONNECTIONS = {"+ping", "+info", "+select", "+client", "+script", "+wait", "+scan"}
ONLY_V2 = {"+get", "+set", "+pexpire", "+pttl"}


def documented():
    """The words of the rule, behind the password."""
    rule = re.search(r"ACL SETUSER flashsale on >PASSWORD (.*?)```", DOCUMENT.read_text(), re.S)
    return rule.group(1).split()


def commands(variant):
    every = {word for word in documented() if word.startswith("+")} - OF_CONNECTIONS
    return sorted(every if variant.startswith("v2") else every - ONLY_V2)


def opened(make_server, redis, variant, *rule):
    redis.ask("ACL", "SETUSER", "flashsale", "on", ">secret", *rule)
    server = on_redis(make_server, f"redis://flashsale:secret@127.0.0.1:{redis.port}", variant)
    return server.start()


def until(what, check, limit_s=15):
    limit = time.monotonic() + limit_s * slowness()
    while not check():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def sells(server, buyer, key):
    answer = server.buy("tv", buyer, key=key)
    assert answer.status in (200, 503, 504), answer
    return answer.status == 200


@EVERY
def test_the_documented_rule_is_enough_for_a_sale(make_server, folder, variant):
    with RedisServer(folder / "redis", tcp=True) as redis:
        server = opened(make_server, redis, variant, *documented())
        server.sale("tv", stock=20, per_user_max=10)
        buyer = server.login("user_1")
        order = server.buy("tv", buyer, 2, key="k").json()["order_id"]
        assert server.buy("tv", buyer, 2, key="k").get("idempotency-replayed") == "true"
        assert server.ask("GET", f"/orders/{order}", buyer).status == 200
        assert server.ask("DELETE", f"/orders/{order}", buyer).status == 200
        for change in ({"add": 5}, {"state": "paused"}, {"state": "open"}, {"per_user_max": 9}):
            assert server.admin_ask("PATCH", "/admin/products/tv", change).status == 200, change
        assert server.admin_ask("PUT", "/admin/products/tv", {"stock": 7, "reset": True}).status == 200
        assert server.buy("tv", buyer, 7).status == 200
        assert server.buy("tv", buyer).code == "sold_out"
        assert server.admin_ask("GET", "/readyz?verbose", token="").status == 200
        server.audit("tv")
        log = server.log()
        assert "NOPERM" not in log and "permission" not in log, log


@EVERY
@pytest.mark.limit(240)
def test_each_command_that_is_taken_away_stops_the_sale_and_writes_nothing_by_half(make_server, folder,
                                                                                   variant):
    with RedisServer(folder / "redis", tcp=True) as redis:
        server = opened(make_server, redis, variant, *documented())
        server.sale("tv", stock=2000)
        buyer = server.login("user_1")
        assert server.buy("tv", buyer).status == 200
        sold = 1
        for permission in commands(variant):
            name = permission[1:]
            redis.ask("ACL", "SETUSER", "flashsale", f"-{name}")
            counts = [server.buy("tv", buyer, key=f"{name}-{n}").status for n in range(3)]
            assert set(counts) <= {200, 503}, (name, counts)
            sold += counts.count(200)
            changed = server.admin_ask("PATCH", "/admin/products/tv", {"per_user_max": 0})
            assert changed.status in (200, 503, 504), (name, changed)
            ready = server.admin_ask("GET", "/readyz?verbose", token="")
            assert ready.status == 503 and name in ready.json()["detail"].lower(), (name, ready)
            redis.ask("ACL", "SETUSER", "flashsale", f"+{name}")
            until(f"sells again with {name}", lambda: sells(server, buyer, f"{name}-again"))
            sold += 1
            until("ready", lambda: server.admin_ask("GET", "/readyz", token="").status == 200)
            assert server.stock("tv") == 2000 - sold, name
            server.audit("tv")
        metrics = server.admin_ask("GET", "/metrics", token="").body.decode()
        assert re.search(r"^flashsale_store_denied_total [1-9]", metrics, re.M), metrics


@EVERY
def test_each_key_that_is_taken_away_stops_the_sale_and_writes_nothing_by_half(make_server, folder, variant):
    keys = ["fs:*:sale", "fs:*:orders", "fs:*:buyers", "fs:*:log", "fs:*:changes", "fs:claims", "fs:products",
            "fs:*:layout"] + (["lock:*"] if variant.startswith("v2") else [])
    rest = ["fs:manifest*", "fs:*:manifest*"]
    with RedisServer(folder / "redis", tcp=True) as redis:
        server = opened(make_server, redis, variant, *documented())
        server.sale("tv", stock=2000)
        buyer = server.login("user_1")
        assert server.buy("tv", buyer).status == 200
        sold = 1
        for key in keys:
            others = [f"~{other}" for other in keys + rest if other != key]
            redis.ask("ACL", "SETUSER", "flashsale", "resetkeys", *others)
            counts = [server.buy("tv", buyer, key=f"{len(key)}{key[-5:-1]}{n}").status for n in range(3)]
            assert set(counts) <= {200, 503}, (key, counts)
            sold += counts.count(200)
            assert server.admin_ask("PATCH", "/admin/products/tv", {"per_user_max": 0}).status in (200, 503, 504)
            redis.ask("ACL", "SETUSER", "flashsale", "resetkeys", "~fs:*", "~lock:*")
            until(f"sells again with {key}", lambda: sells(server, buyer, f"{key[-6:]}again"))
            sold += 1
            assert server.stock("tv") == 2000 - sold, key
            server.audit("tv")
