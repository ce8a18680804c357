"""What Redis must be for a sale, and what is in it afterwards."""
import asyncio
import re
import time

import pytest

from flashsale import run, slowness
from history import History
from load import Buyers, Load
from redis_sales import on_redis, variants
from redis_server import RedisServer, ask, free_port, private_servers


def refused(make_server, url, *words, timeout=15.0):
    """The start-up fails in time with a sentence that has each of words."""
    server = on_redis(make_server, url, "v3")
    server.spawn()
    code = server.wait_for_end_or_ready(timeout)
    text = server.output()
    assert code is not None, f"it serves on {url}:\n{server.log()}"
    assert code in (1, 2), server.log()
    sentences = [line for line in text.splitlines() if len(line.split()) > 5]
    assert sentences, f"no sentence in {text!r}"
    for word in words:
        assert re.search(word, text, re.I), f"{word!r} is not in {text!r}"
    print([line for line in sentences if re.search("|".join(words) or ".", line, re.I)][:2])
    return code, text


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_redis_that_may_evict_stock_is_refused(make_server, folder, policy):
    with RedisServer(folder / "r", maxmemory_policy=policy) as redis:
        refused(make_server, redis.url, policy, "noeviction")


def test_a_replica_is_refused(make_server, folder):
    with RedisServer(folder / "p", tcp=True) as primary:
        with RedisServer(folder / "r", replicaof=f"127.0.0.1 {primary.port}") as replica:
            refused(make_server, replica.url, "replica")


def test_a_wrong_password_is_refused_and_not_printed(make_server, folder):
    with RedisServer(folder / "r", tcp=True, requirepass="right-one") as redis:
        for secret in ("", ":wrong-one@", "nobody:wrong-one@"):
            url = f"redis://{secret}127.0.0.1:{redis.port}"
            _, text = refused(make_server, url, "password|authenti|NOAUTH|WRONGPASS")
            assert "wrong-one" not in text


def test_the_right_password_and_database_are_used(make_server, folder):
    with RedisServer(folder / "r", tcp=True, requirepass="right-one") as redis:
        server = on_redis(make_server, f"{redis.url}/3", "v3").start()
        assert "right-one" not in server.output()
        assert server.buy("1", server.login("user_1")).status == 200
        assert redis.cli("-n", "3", "dbsize") != ["0"] and redis.cli("-n", "0", "dbsize") == ["0"]
    assert server.is_running()


@pytest.mark.limit(90)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_no_redis_there_is_refused_in_time(make_server, folder, stalls, kind):
    url = f"redis://127.0.0.1:{free_port()}" if kind == "tcp" else f"unix:{folder}/nothing.sock"
    begun = time.monotonic()
    refused(make_server, url, "redis")
    ended = time.monotonic()
    took = ended - begun - stalls.between(begun, ended)
    print(f"refused after {took:.1f} s")
    assert took < 3.0 * slowness()


@pytest.mark.limit(90)
def test_a_redis_that_comes_later_is_waited_for_as_long_as_is_said(make_server, folder):
    redis = RedisServer(folder / "r")
    server = on_redis(make_server, redis.url, "v3", "--set", "redis.start_timeout=20s")
    server.spawn()
    time.sleep(2.0)
    assert server.is_running(), server.log()
    with redis:
        assert server.wait_for_end_or_ready(15.0) is None, server.log()
        assert server.buy("1", server.login("user_1")).status == 200


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "ftp://x", "127.0.0.1:6379", "redis://",
                                 "redis://127.0.0.1:0", "redis://127.0.0.1:65536", "unix:",
                                 "redis://127.0.0.1:6379/x", "rediss://127.0.0.1:6379"])
def test_an_address_that_is_none_is_refused_as_usage(folder, url):
    for command in (["serve"], ["check-config"]):
        done = run(*command, "--strategy", "v3", "--redis", url, "--data-dir", folder / "d",
                   "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        assert done.returncode == 2, (command, done.returncode, done.stdout, done.stderr)
        assert "redis" in done.stderr and len(done.stderr.split()) > 5, done.stderr
        assert not (folder / "d").exists()


@pytest.mark.parametrize("settings, durability", [
    ({"appendonly": "no"}, "memory"),
    ({"appendonly": "no", "save": "60 1"}, "memory"),
    ({"appendfsync": "everysec"}, "aof-everysec"),
    ({"appendfsync": "always"}, "aof-always"),
])
def test_the_durability_class_is_what_redis_does(make_server, folder, settings, durability):
    with RedisServer(folder / "r", **settings) as redis:
        for variant in ("v2", "v3"):
            server = on_redis(make_server, redis.url, variant).start()
            lines = [x for x in server.output().splitlines() if x.lower().startswith("durability")]
            assert len(lines) == 1 and re.search(rf"\b{durability}\b", lines[0]), server.output()
            assert server.buy("1", server.login("user_1")).status == 200
            server.stop()


def test_the_start_names_its_redis_but_no_secret(make_server):
    server = make_server(strategy_name="v3").start()
    line, = [x for x in server.output().splitlines() if x.lower().startswith("store")]
    assert "unix:" in line and re.search(r"\d+\.\d+\.\d+", line), line
    secret = (server.data_dir / "redis-0" / "secret").read_text().strip()
    assert len(secret) >= 32 and secret not in server.output()
    for path in server.data_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.parent != server.data_dir, path


def test_a_private_redis_is_only_for_its_flashsale(make_server):
    server = make_server(strategy_name="v3").start()
    pid, = private_servers(server)
    path = str(server.data_dir / "redis-0" / "redis.sock")
    with pytest.raises(Exception, match="NOAUTH"):
        ask(path, "DBSIZE")
    secret = (server.data_dir / "redis-0" / "secret").read_text().strip()
    assert ask(path, "CONFIG", "GET", "appendfsync", password=secret)[1] == "always"
    assert ask(path, "CONFIG", "GET", "maxmemory-policy", password=secret)[1] == "noeviction"
    assert ask(path, "CONFIG", "GET", "port", password=secret)[1] == "0"
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        assert secret.encode() not in file.read(), "anybody reads the secret in the process list"


def test_a_foreign_redis_on_the_private_socket_is_not_adopted(make_server, folder):
    server = make_server(strategy_name="v3", name="s")
    place = server.data_dir / "redis-0"
    with RedisServer(place) as foreign:
        server.data_dir.chmod(0o700)
        foreign.ask("SET", "theirs", "1")
        (place / "redis.sock").symlink_to("r.sock")
        server.spawn()
        code = server.wait_for_end_or_ready()
        assert foreign.keys() == ["theirs"], "it wrote into another's Redis"
        print(code, server.err_path.read_text()[-300:])


@variants("v2", "v3", "v2-textbook")
@pytest.mark.limit(60)
async def test_every_key_has_the_prefix_and_locks_are_seen(make_server, folder, variant, rng):
    with RedisServer(folder / "r", tcp=True) as redis:
        server = on_redis(make_server, redis.url, variant).start()
        server.sale("tv", stock=1_000_000)
        buyers = Buyers(server, History())
        await buyers.login([f"user_{n}" for n in range(1, 17)])
        load = Load(buyers, rng, lambda r: (r.choice(("tv", "1")), 1), connections=16)
        load.start()
        locks, scans, until = set(), 0, time.monotonic() + 10 * slowness()
        while time.monotonic() < until and (scans < 40 or variant != "v3"):
            locks |= set(await asyncio.to_thread(redis.keys, "lock:*"))
            scans += 1
            if any("tv" in lock for lock in locks) and scans >= 10:
                break
        await load.stop()
        order = next(o for o in buyers.history.operations if o.sold)
        server.ask("DELETE", f"/orders/{order.order}", buyers.headers(order.buyer))
        server.audit("tv")
        keys = redis.keys()
        print(f"{variant}: {len(keys)} keys, locks seen {sorted(locks)} in {scans} scans,"
              f" {buyers.history.counts()}")
        assert keys and all(k.startswith(("fs:", "lock:")) for k in keys), keys
        if variant == "v3":
            assert not locks
        else:
            assert any("tv" in lock for lock in locks), "no lock was ever seen"
            assert len(locks) <= 2
        server.stop()
        assert redis.keys("lock:*") == [], "a lock outlives its server's clean stop"


def test_a_prefix_of_its_own_keeps_two_shops_apart(make_server, folder):
    with RedisServer(folder / "r") as redis:
        one = on_redis(make_server, redis.url, "v3", "--set", "redis.prefix=a:").start()
        two = on_redis(make_server, redis.url, "v3", "--set", "redis.prefix=b:").start()
        assert one.buy("1", one.login("user_1"), 3).status == 200
        assert (one.stock("1"), two.stock("1")) == (97, 100)
        assert all(key.startswith(("a:", "b:")) for key in redis.keys())


@variants()
def test_a_redis_out_of_memory_is_told_as_unavailable(make_server, folder, variant):
    """OOM is answered before the script runs: nothing was taken, and it passes by itself."""
    with RedisServer(folder / "r") as redis:
        server = on_redis(make_server, redis.url, variant, "--set", "purchase.deadline=300ms").start()
        buyer = server.login("user_1")
        assert server.buy("1", buyer).status == 200
        redis.ask("CONFIG", "SET", "maxmemory", "1")
        answer = server.buy("1", buyer, key="full")
        assert answer.status == 503 and (answer.get("retry-after") or "").isdigit(), answer
        assert server.stock("1") == 99, "reading needs no memory"
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        again = server.buy("1", buyer, key="full")
        assert again.status == 200 and again.get("idempotency-replayed") is None, again
        assert server.stock("1") == 98
        server.audit("1")


@variants()
def test_a_redis_out_of_memory_is_not_ready(make_server, folder, variant):
    """/readyz runs the real script, and so meets what a purchase would meet."""
    with RedisServer(folder / "r") as redis:
        server = on_redis(make_server, redis.url, variant).start()
        assert server.admin_ask("GET", "/readyz", token="").status == 200
        redis.ask("CONFIG", "SET", "maxmemory", "1")
        assert server.admin_ask("GET", "/readyz", token="").status == 503
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        assert server.admin_ask("GET", "/readyz", token="").status == 200


@variants()
def test_scripts_that_redis_forgot_are_sent_again(make_server, folder, variant):
    with RedisServer(folder / "r") as redis:
        server = on_redis(make_server, redis.url, variant).start()
        buyer = server.login("user_1")
        for _ in range(5):
            redis.ask("SCRIPT", "FLUSH")
            answer = server.buy("1", buyer)
            assert answer.status == 200, answer
            redis.ask("SCRIPT", "FLUSH")
            assert server.ask("DELETE", f"/orders/{answer.json()['order_id']}", buyer).status == 200
        redis.ask("SCRIPT", "FLUSH")
        server.audit("1")
        assert server.stock("1") == 100
