"""Readiness asks for what a purchase needs, and says which server of the store is missing."""
import calendar
import json
import subprocess
import time

import pytest

from flashsale import Server, slowness
from named_redis import has_namespaces
from redis_cluster import until
from redis_server import RedisServer

WAIT_S = 15


def ready(server):
    answer = server.admin_ask("GET", "/readyz")
    return answer.status, (answer.body or b"").decode()


def until_ready(server, status, text=""):
    def seen():
        now, body = ready(server)
        return now == status and text in body

    until(seen, f"/readyz answers {status} {text}", WAIT_S)


def stores(server):
    answer = server.admin_ask("GET", "/readyz?verbose")
    assert answer.status == 200, answer
    return {one["node"]: one for one in json.loads(answer.body)["stores"]}


def node_up(server):
    page = server.admin_ask("GET", "/metrics").body.decode()
    lines = [line for line in page.splitlines() if line.startswith("flashsale_store_node_up{")]
    return {line.split('"')[1]: int(line.rsplit(" ", 1)[1]) for line in lines}


def hset_calls(redis):
    line = next((line for line in redis.ask("INFO", "commandstats").split()
                 if line.startswith("cmdstat_hset:")), "calls=0,")
    return int(line.split("calls=")[1].split(",")[0])


@pytest.fixture
def redis(folder):
    with RedisServer(folder / "redis", tcp=True) as one:
        yield one


def on(make_server, strategy, *redis, **more):
    flags = [flag for one in redis for flag in ("--redis", one.url)]
    return make_server(*flags, "--set", "purchase.deadline=500ms", strategy_name=strategy, **more)


@pytest.mark.parametrize("strategy, lost, text", [
    ("v2", ["resetkeys", "~fs:*"], "permission"),  # the key of the lock
    ("v2", ["-pttl"], "may not run"), ("v3", ["-xadd"], "may not run"),
    ("v4", ["-hincrby"], "may not run"),
])
def test_a_permission_that_a_purchase_needs_is_needed_to_be_ready(make_server, redis, strategy, lost,
                                                                  text):
    server = on(make_server, strategy, redis).start()
    server.sale("tv", stock=10)
    assert ready(server)[0] == 200
    redis.ask("ACL", "SETUSER", "default", *lost)
    until_ready(server, 503, text)
    redis.ask("ACL", "SETUSER", "default", "allkeys", "+@all")
    until_ready(server, 200)


def test_a_lock_that_is_not_flashsales_is_noticed_without_buyers(make_server, redis):
    server = on(make_server, "v2", redis, config="products: []\n").start()
    server.sale("tv", stock=10)
    redis.ask("SET", "lock:{tv}", "somebody")
    until_ready(server, 503)
    redis.ask("DEL", "lock:{tv}")
    until_ready(server, 200)


def test_a_lock_that_is_not_flashsales_is_named_in_the_log(make_server, redis):
    server = on(make_server, "v2", redis).start()
    server.sale("tv", stock=10)
    server.sale("phone", stock=10)
    buyer = server.login("user_1")
    redis.ask("SET", "lock:{tv}", "somebody", "EX", "3600")
    assert server.buy("tv", buyer).status == 503
    assert server.log().count("the lock lock:{tv} is held by something that is not flashsale") == 1
    assert server.buy("phone", buyer).status == 200
    redis.ask("DEL", "lock:{tv}")
    assert server.buy("tv", buyer).status == 200
    until_ready(server, 200)


def test_the_writes_of_a_probe_leave_nothing_behind(make_server, redis):
    server = on(make_server, "v2", redis).start()
    server.sale("tv", stock=10)
    before = sorted(redis.keys())
    assert ready(server)[0] == 200
    assert sorted(redis.keys()) == before
    assert not [key for key in before if ".probe" in key]
    begun = time.monotonic()
    calls = hset_calls(redis)
    for _ in range(50):
        assert ready(server)[0] == 200
    spent = time.monotonic() - begun
    assert hset_calls(redis) - calls <= 2 * (spent + 1), "who asks often makes Redis write as often"


def test_v4_without_one_of_two_servers_says_which_one(make_server, folder):
    """Some buyers still buy: ready, and the metric and the verbose answer name the server."""
    with RedisServer(folder / "a", tcp=True) as one, RedisServer(folder / "b", tcp=True) as two:
        server = on(make_server, "v4", one, two).start()
        server.sale("tv", stock=100)
        names = [f"127.0.0.1:{redis.port}" for redis in (one, two)]
        assert node_up(server) == {names[0]: 1, names[1]: 1}
        began = time.time()
        two.kill()
        until(lambda: node_up(server) == {names[0]: 1, names[1]: 0}, "the metric", WAIT_S)
        time.sleep(0.3)  # several attempts to connect
        told = stores(server)
        assert told[names[0]]["up"] and "problem" not in told[names[0]]
        assert not told[names[1]]["up"] and told[names[1]]["loops_up"] == 0
        assert "refused" in told[names[1]]["problem"]
        since = time.strptime(told[names[1]]["down_since"][:19], "%Y-%m-%dT%H:%M:%S")
        assert abs(calendar.timegm(since) - began) < 3 * slowness(), "since when, not since the last try"
        two.start()
        until(lambda: node_up(server) == {names[0]: 1, names[1]: 1}, "it is back", WAIT_S)
        assert "down_since" not in stores(server)[names[1]]


def test_errors_of_the_store_are_not_repeated_in_the_log(make_server, redis):
    server = on(make_server, "v3", redis).start()
    server.sale("tv", stock=10)
    redis.ask("ACL", "SETUSER", "default", "-hmget")
    for _ in range(30):
        assert server.admin_ask("GET", "/inventory").status in (404, 503)
        server.admin_ask("GET", "/admin/products")
        server.ask("GET", "/inventory/tv")
    lines = [line.split(" ", 1)[1] for line in server.log().splitlines() if "can't run this command" in line]
    assert lines, "the reason is logged"
    assert len(lines) <= 6, lines


class SmallDisk(Server):
    """A server whose data folder is on a file system of 8 MiB."""

    def command(self):
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.flags += [] if self.token_file.exists() else self.make_token()
        inside = 'mount -t tmpfs -o size=8m,mode=700 none "$1" && shift && exec "$@"'
        return ["unshare", "-rm", "sh", "-c", inside, "sh", str(self.data_dir), *super().command()]

    @property
    def token_file(self):
        return self.folder / "token"

    def make_token(self):
        self.token_file.write_text("0123456789abcdef0123456789abcdef\n")
        self.token_file.chmod(0o600)
        return ["--set", f"admin.token_file={self.token_file}"]

    def fill(self):
        where = f"/proc/{self.pid}/root{self.data_dir}/filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={where}", "bs=1k"], check=False,
                       capture_output=True)
        return where


@pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces here")
def test_a_private_redis_on_a_full_disk_is_not_ready(folder):
    """Its redis-server ends at each write, and is started again: nothing can be bought."""
    with SmallDisk(folder / "s", "--set", "purchase.deadline=500ms", strategy_name="v3") as server:
        server.sale("tv", stock=10)
        assert ready(server)[0] == 200
        filler = server.fill()
        until_ready(server, 503)
        until(lambda: "s/data/redis-0 is full" in server.log(), "the log names the disk")
        subprocess.run(["truncate", "-s", "0", filler], check=True)
        until_ready(server, 200)
        assert server.buy("tv", server.login("user_1")).status == 200
