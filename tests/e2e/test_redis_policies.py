"""Redis as providers set it up: eviction policies, CONFIG forbidden, Valkey in the place of Redis."""
import os
import shutil

import pytest

import flashsale
from flashsale import Server
from redis_sales import on_redis
from redis_server import RedisServer


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-ttl"])
def test_a_volatile_policy_is_accepted_with_a_remark(make_server, folder, policy):
    with RedisServer(folder / "redis", tcp=True, maxmemory_policy=policy) as redis:
        server = on_redis(make_server, redis.url, "v2").start()
        assert f"(maxmemory-policy {policy}): of ours only v2's lock has one" in server.log()
        server.sale("tv", stock=1)
        assert server.buy("tv", server.login("user_1")).status == 200
        keys = [key for key in redis.keys() if redis.ask("TTL", key) != -1]
        assert not keys, "no key of a sale has a time to live"


def test_a_policy_that_may_drop_orders_needs_consent(make_server, folder):
    with RedisServer(folder / "redis", tcp=True, maxmemory_policy="allkeys-lru") as redis:
        server = on_redis(make_server, redis.url, "v3").spawn()
        assert server.wait_for_end_or_ready() != 0
        assert "redis.accept_eviction" in server.log()
        server = on_redis(make_server, redis.url, "v3", "--set", "redis.accept_eviction=true").start()
        assert "which redis.accept_eviction accepts" in server.log()


def test_a_redis_that_forbids_config_is_accepted_with_a_remark(make_server, folder):
    with RedisServer(folder / "redis", tcp=True, appendonly="no") as redis:
        redis.ask("ACL", "SETUSER", "default", "-config")
        server = on_redis(make_server, redis.url, "v3").start()
        assert "forbids CONFIG GET" in server.log()
        server.sale("tv", stock=1)
        assert server.buy("tv", server.login("user_1")).status == 200


def test_a_private_server_is_valkey_where_there_is_no_redis(folder):
    """A stand-in for Valkey: a valkey-server that says that it is redis-server under another name."""
    programs = folder / "bin"
    programs.mkdir()
    stand_in = programs / "valkey-server"
    stand_in.write_text("#!/bin/sh\n# a stand-in for Valkey in tests\n"
                        f'exec {shutil.which("redis-server")} "$@"\n')
    stand_in.chmod(0o755)
    env = {"PATH": str(programs)}
    told = flashsale.run("doctor", "--data-dir", str(folder / "data"), "--strategy", "v3", env=env).stdout
    assert f"v2 to v4 start {stand_in}" in told, told
    with Server(folder / "s", strategy_name="v3", env=env) as server:
        server.sale("tv", stock=1)
        assert server.buy("tv", server.login("user_1")).status == 200
        conf = (server.data_dir / "redis-0" / "redis.conf").read_text()
        assert "auto-aof-rewrite-percentage 100" in conf
    assert not os.path.exists(folder / "data")
