"""flashsale doctor: what it says of Redis servers and settings, and what it leaves behind."""
import json
import os
import re

import pytest

import flashsale
from redis_cluster import RedisCluster, until
from redis_sentinel import Sentinels
from redis_server import RedisServer, free_port


def doctor(*flags, code=0):
    done = flashsale.run("doctor", "--json", *flags)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def finding(rows, topic, check):
    found = [row for row in rows if (row["topic"], row["check"]) == (topic, check)]
    assert found, f"no {topic} {check} in {rows}"
    return found[0]


def at_data(folder):
    return ("--data-dir", str(folder / "data"))


def test_every_finding_is_whole_and_only_bad_ones_have_a_remedy(folder):
    rows = doctor(*at_data(folder))
    assert len(rows) > 20
    for row in rows:
        assert set(row) == {"verdict", "topic", "check", "found", "remedy"}
        assert (row["remedy"] is not None) == (row["verdict"] in ("warning", "problem")), row
        assert row["remedy"] is None or row["remedy"].endswith("."), row
    assert json.loads(finding(rows, "server", "versions")["found"])["libraries"]["h2o"]


def test_it_leaves_nothing_behind(folder):
    (folder / "data").mkdir()
    rows = doctor(*at_data(folder))
    assert finding(rows, "folder", "fdatasync")["verdict"] in ("ok", "warning")
    assert os.listdir(folder / "data") == []


def test_lines_for_people_end_with_the_sum(folder):
    done = flashsale.run("doctor", *at_data(folder), "--log-level", "debug")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("warning  server   log level") for line in lines)
    assert lines[-1].startswith("0 problems, ")


def test_a_good_redis_is_all_ok(folder):
    with RedisServer(folder, tcp=True, tcp_keepalive="60") as redis:
        rows = doctor(*at_data(folder), "--redis", redis.url)
    told = [row for row in rows if row["topic"] == "redis"]
    assert {row["check"] for row in told} >= {"trust", "durability", "clients", "keepalive",
                                               "round trip", "clock", "memory"}
    trip, = (row for row in told if row["check"] == "round trip")
    took_ms = float(re.search(r"([\d.]+) ms", trip["found"])[1])
    if took_ms > 1.0:  # the machine is busy, and so it is told
        assert trip["verdict"] == "warning"
        told.remove(trip)
    assert [row for row in told if row["verdict"] not in ("ok",)] == []
    assert "noeviction" in finding(rows, "redis", "trust")["found"]


@pytest.mark.parametrize("settings, check, verdict, word", [
    ({"maxmemory-policy": "allkeys-lru"}, "trust", "problem", "noeviction"),
    ({"appendfsync": "everysec"}, "durability", "warning", "appendfsync always"),
    ({"appendonly": "no"}, "remark", "warning", "appendonly yes"),
    ({"tcp-keepalive": "0"}, "remark", "warning", "tcp-keepalive"),
    ({"maxclients": "2"}, "trust", "problem", "maxclients"),
])
def test_a_bad_redis_is_told_with_its_remedy(folder, settings, check, verdict, word):
    with RedisServer(folder, tcp=True, **settings) as redis:
        rows = doctor(*at_data(folder), "--redis", redis.url,
                      code=1 if verdict == "problem" else 0)
    row = finding(rows, "redis", check)
    assert row["verdict"] == verdict, row
    assert word in row["remedy"], row


def test_a_full_redis_is_a_problem(folder):
    with RedisServer(folder, tcp=True, maxmemory="1mb") as redis:
        rows = doctor(*at_data(folder), "--redis", redis.url, code=1)
    assert finding(rows, "redis", "memory")["verdict"] == "problem"


def test_a_redis_that_is_not_there_is_a_problem_and_soon(folder):
    rows = doctor(*at_data(folder), "--redis", f"redis://127.0.0.1:{free_port()}", code=1)
    assert "cannot connect" in finding(rows, "redis", "connection")["found"]


def test_a_wrong_password_is_told_but_not_shown(folder):
    with RedisServer(folder, tcp=True, requirepass="right") as redis:
        rows = doctor(*at_data(folder), "--redis", f"redis://:wr0ng@127.0.0.1:{redis.port}", code=1)
    text = json.dumps(rows)
    assert "password" in finding(rows, "redis", "connection")["found"]
    assert "wr0ng" not in text


def test_every_primary_of_a_cluster_is_looked_at_by_whatever_node_is_named(folder):
    with RedisCluster(folder, primaries=3, replicas=1, tcp_keepalive="60") as cluster:
        replica = cluster.nodes[3]
        until(lambda: all(len(row) == 4 for row in replica.ask("CLUSTER", "SLOTS")),
              "the named node knows every replica")
        rows = doctor(*at_data(folder), "--redis", f"redis://127.0.0.1:{replica.port}")
        assert finding(rows, "redis", "cluster")["found"] == "primaries: 3, replicas: 3"
        trusted = [row["found"].split(": ")[0] for row in rows
                   if (row["topic"], row["check"], row["verdict"]) == ("redis", "trust", "ok")]
        assert sorted(trusted) == sorted(f"127.0.0.1:{node.port}" for node in cluster.nodes[:3])
        cluster.nodes[1].ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        replica.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        rows = doctor(*at_data(folder), "--redis", f"redis://127.0.0.1:{replica.port}", code=1)
        wrong = {row["verdict"]: row for row in rows
                 if row["topic"] == "redis" and row["verdict"] != "ok"}
        assert str(cluster.nodes[1].port) in wrong["problem"]["remedy"]
        assert str(replica.port) in wrong["warning"]["remedy"]


def test_a_cluster_that_is_not_whole_is_a_problem(folder):
    with RedisServer(folder, tcp=True, cluster_enabled="yes", cluster_port=free_port()) as node:
        rows = doctor(*at_data(folder), "--redis", node.url, code=1)
    assert "slot" in finding(rows, "redis", "cluster")["found"]


def test_the_primary_that_sentinels_name_is_looked_at(folder):
    with Sentinels(folder, tcp_keepalive="60") as group:
        rows = doctor(*at_data(folder), "--redis", group.url)
        assert str(group.primary.port) in finding(rows, "redis", "trust")["found"]
        told = [row for row in rows if row["topic"] == "redis" and row["verdict"] != "ok"]
        assert told == []
        rows = doctor(*at_data(folder), "--redis", group.url, "--set", "redis.wait_replicas=2")
        assert finding(rows, "redis", "replicas")["verdict"] == "warning"
        unknown = group.url.replace("mymaster", "nobody")
        rows = doctor(*at_data(folder), "--redis", unknown, code=1)
        assert "nobody" in finding(rows, "redis", "connection")["found"]


def test_demo_log_ins_for_everybody_are_a_problem(folder):
    rows = doctor(*at_data(folder), "--listen", "0.0.0.0:0", "--set", "auth.demo_anywhere=true",
                  code=1)
    assert finding(rows, "server", "log-ins")["verdict"] == "problem"


def test_too_few_descriptors_are_a_problem(folder):
    rows = doctor(*at_data(folder), "--set", "http.connections_max=1000000", code=1)
    row = finding(rows, "process", "descriptors")
    assert row["verdict"] == "problem" and "LimitNOFILE" in row["remedy"], row


def test_bad_settings_are_a_usage_error(folder):
    done = flashsale.run("doctor", *at_data(folder), "--set", "workers=many")
    assert done.returncode == 2
    assert "workers" in done.stderr
