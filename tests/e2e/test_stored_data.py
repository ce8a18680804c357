"""The meaning of stored data depends on options: strategy, number and order of servers, prefix, folder.
A start with other options than those by which the sales were made is refused, in one sentence that says
what is different and what helps; nothing is sold twice."""
import re
import time

import pytest

from flashsale import slowness
from redis_sales import on_redis
from redis_server import RedisServer

SHARDS = ["--set", "strategy_options.shards=2"]


def starts(server):
    """None, or the sentence by which the start is refused."""
    server.spawn()
    if server.wait_for_end_or_ready() is None:
        return None
    lines = [line for line in server.log().splitlines() if len(line.split()) > 8]
    assert lines, server.log()
    return lines[-1]


def refused(server, *words):
    sentence = starts(server)
    assert sentence is not None, f"it serves:\n{server.log()}"
    for word in words:
        assert re.search(word, server.log()), f"{word!r} is not in {sentence!r}"
    print(sentence)


def wait_for(condition, server, timeout=10.0):
    limit = time.monotonic() + timeout * slowness()
    while not condition():
        assert time.monotonic() < limit, server.log()
        time.sleep(0.02)


@pytest.fixture
def stores(folder):
    with RedisServer(folder / "a") as one, RedisServer(folder / "b") as two:
        yield one, two


def serve(make_server, strategy, stores, *flags, **settings):
    named = [word for store in stores for word in ("--redis", store.url)]
    return make_server(*named, *flags, strategy_name=strategy, **settings)


def sell(server, units, first=1):
    server.sale("tv", stock=100)
    for n in range(first, first + units):
        assert server.buy("tv", server.login(f"user_{n}")).status == 200


@pytest.mark.parametrize("strategy", ["v3", "v4"])
def test_swapped_servers_are_refused_in_the_same_and_in_another_folder(make_server, stores, strategy):
    one = serve(make_server, strategy, stores).start()
    sell(one, 3)
    other = serve(make_server, strategy, stores[::-1])
    refused(other, "order", r"server [12]")
    one.stop()
    one.flags = [word for store in stores[::-1] for word in ("--redis", store.url)]
    refused(one, "order")
    one.flags = [word for store in stores for word in ("--redis", store.url)]
    one.start()
    assert one.stock("tv") == 97


@pytest.mark.parametrize("first, second", [("v3", "v4"), ("v4", "v3"), ("v4", "v2")])
def test_another_family_on_the_same_servers_is_refused(make_server, stores, first, second):
    one = serve(make_server, first, stores[:1]).start()
    sell(one, 3)
    refused(serve(make_server, second, stores[:1]), f"strategy .*{first}", "docs/operations.md")
    assert one.stock("tv") == 97


def test_v2_and_v3_share_their_sales(make_server, stores):
    one = serve(make_server, "v2", stores[:1]).start()
    sell(one, 3)
    two = serve(make_server, "v3", stores[:1]).start()
    assert two.stock("tv") == 97
    one.stop()
    one.strategy = "v3"
    one.start()
    assert one.stock("tv") == 97


@pytest.mark.parametrize("strategy", ["v3", "v4"])
def test_a_server_too_few_or_too_many_is_refused(make_server, stores, folder, strategy):
    one = serve(make_server, strategy, stores).start()
    sell(one, 3)
    refused(serve(make_server, strategy, stores[:1]), "2 servers", "1 are named")
    with RedisServer(folder / "c") as third:
        refused(serve(make_server, strategy, [*stores, third]), "2 servers", "3 are named")


def test_another_order_is_free_while_no_sale_was_made(make_server, stores):
    one = serve(make_server, "v4", stores, config="products: []\n").start()
    two = serve(make_server, "v4", stores[::-1], config="products: []\n").start()
    sell(two, 2)
    answer = one.admin_ask("PUT", "/admin/products/tv", {"stock": 100})
    assert answer.status in (409, 503), answer
    answer = one.buy("tv", one.login("user_1"))
    assert answer.status in (404, 503), answer
    assert two.stock("tv") == 98


@pytest.mark.parametrize("before, after, words", [
    (("v1",), ("v3",), ["strategy v1", "docs/operations.md"]),
    (("v3",), ("v1",), ["strategy v2 or v3", "docs/operations.md"]),
    (("v4",), ("v3",), ["strategy v4"]),
    (("v4", "--set", "redis.private_servers=2"), ("v4", "--set", "redis.private_servers=3"),
     ["2 private", "redis.private_servers"]),
    (("v3",), ("v3", "--set", "redis.prefix=other:"), ["prefix"]),
    (("v1",), ("v1", "--set", "strategy_options.durability=memory"), ["memory"]),
])
def test_the_data_folder_knows_by_which_options_it_is_read(make_server, before, after, words):
    strategy, *flags = before
    server = make_server(*flags, strategy_name=strategy).start()
    sell(server, 2)
    server.stop()
    server.strategy, *server.flags = after
    refused(server, *words)
    server.strategy, *server.flags = before
    server.start()
    assert server.stock("tv") == 98


def test_a_folder_is_free_while_no_sale_was_made_in_it(make_server):
    server = make_server("--set", "strategy_options.durability=memory", strategy_name="v1").start()
    server.stop()
    server.flags = []
    server.start()
    sell(server, 1)


@pytest.mark.parametrize("strategy", ["v3", "v4"])
def test_an_emptied_server_is_refused_as_lost(make_server, stores, strategy):
    server = serve(make_server, strategy, stores, *(SHARDS if strategy == "v4" else [])).start()
    sell(server, 5)
    server.stop()
    for store in stores:
        store.kill()
        store.keep("kept")
        store.start()
        store.ask("FLUSHALL")
        refused(server, "lost", "docs/redis.md")
        refused(serve(make_server, strategy, stores), "lost", "docs/redis.md")
        store.kill()
        store.set_back("kept")
        store.start()
    server.start()
    assert server.stock("tv") == 95


def test_a_folder_knows_that_all_its_servers_were_emptied(make_server, stores):
    server = serve(make_server, "v3", stores[:1]).start()
    sell(server, 5)
    server.stop()
    stores[0].ask("FLUSHALL")
    refused(server, "data folder", "docs/redis.md")


@pytest.mark.parametrize("strategy", ["v3", "v4"])
def test_sales_without_a_manifest_are_refused(make_server, stores, strategy):
    server = serve(make_server, strategy, stores[:1]).start()
    sell(server, 5)
    server.stop()
    stores[0].ask("DEL", "fs:manifest")
    refused(server, "no manifest", "docs/redis.md")


def test_a_folder_without_a_manifest_is_refused(make_server):
    server = make_server(strategy_name="v1").start()
    sell(server, 1)
    server.stop()
    (server.data_dir / "manifest").unlink()
    refused(server, "no manifest", "docs/redis.md")


def test_a_journal_that_is_gone_is_refused_as_lost(make_server):
    server = make_server(strategy_name="v1").start()
    sell(server, 1)
    server.stop()
    (server.data_dir / "v1").rename(server.data_dir / "moved-away")
    refused(server, "lost", "docs/redis.md")


@pytest.mark.parametrize("strategy", ["v3", "v4"])
def test_a_store_that_is_replaced_under_a_running_server_sells_nothing(make_server, folder, strategy):
    """The same address, other sale data: seen at the reconnect."""
    with RedisServer(folder / "a") as store:
        one = serve(make_server, strategy, [store]).start()
        sell(one, 2)
        store.kill()
        store.keep("ours")
        store.start()
        store.ask("FLUSHALL")
        other = serve(make_server, strategy, [store], config="products: []\n").start()
        sell(other, 1, first=7)
        other.stop()
        store.kill()
        store.start()
        wait_for(lambda: "other sale data" in one.log(), one)
        for n in range(20, 40):
            answer = one.buy("tv", one.login(f"user_{n}"))
            assert answer.status == 503, answer
        assert one.admin_ask("GET", "/readyz").status == 503
        store.kill()
        store.set_back("ours")
        store.start()
        # Each worker has a connection of its own.
        wait_for(lambda: one.ask("GET", "/inventory/tv").json().get("stock") == 98, one)
