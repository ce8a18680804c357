"""A Redis that is called by a name: the name moves, and the server follows without a restart."""
import time

import pytest

from flashsale import sized, slowness, term
from named_redis import Hosts, MovingRedis, NamedServer, has_namespaces
from redis_cluster import until
from redis_sentinel import MASTER, Sentinels

NAME = "redis.flashsale.test"
pytestmark = pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces here")


@pytest.fixture
def named(folder):
    """Makes servers with hosts of their own."""
    made = []

    def make(hosts, url):
        server = NamedServer(folder / f"named{len(made)}", "--redis", url,
                             "--set", "purchase.deadline=500ms", strategy_name="v3")
        server.hosts = hosts
        made.append(server)
        return server

    yield make
    for one in made:
        one.kill()


def seconds_until_sold(server, buyer):
    """On the loop of the buyer's connection and on the admin's."""
    begun = time.monotonic()
    while ((answer := server.buy("tv", buyer)).status != 200
           or server.admin_ask("GET", "/readyz").status != 200):
        assert answer.status in (200, 503, 504), answer
        assert time.monotonic() - begun < 20 * slowness(), answer
        time.sleep(0.01)
    return time.monotonic() - begun


@pytest.mark.limit(sized(60, 300))
def test_every_move_of_a_name_is_followed_within_a_second(folder, named):
    """As a pod that is started elsewhere: the same data at another address."""
    moves = sized(4, 50)
    hosts = Hosts(folder / "hosts")
    hosts.name(NAME, "127.0.0.1")
    with MovingRedis(folder / "redis", tcp=True) as redis:
        server = named(hosts, f"redis://{NAME}:{redis.port}").start()
        server.sale("tv", stock=1000)
        buyer = server.login("user_1")
        assert server.buy("tv", buyer).status == 200
        took = []
        for number in range(moves):
            redis.move(f"127.0.0.{2 + number % 100}")
            hosts.name(NAME, redis.loopback)
            took.append(seconds_until_sold(server, buyer))
        assert term(server.audit("tv"), "sold") >= moves + 1
    late = [seconds for seconds in took if seconds > 1 * slowness()]
    print(f"{moves - len(late)} of {moves} within a second, the slowest after {max(took):.3f} s")
    assert not late, took


def test_a_name_that_a_provider_gives_to_the_promoted_replica_is_followed(folder, named):
    """The old primary answers on, as a replica: nothing but the name says where to go."""
    hosts = Hosts(folder / "hosts")
    first = MovingRedis(folder / "first", tcp=True)
    second = MovingRedis(folder / "second", tcp=True, replicaof=f"127.0.0.1 {first.port}")
    second.loopback, second.port = "127.0.0.2", first.port
    hosts.name(NAME, "127.0.0.1")
    with first, second:
        server = named(hosts, f"redis://{NAME}:{first.port}").start()
        server.sale("tv", stock=10)
        buyer = server.login("user_1")
        assert server.buy("tv", buyer).status == 200
        until(lambda: second.ask("HGET", "fs:{tv}:sale", "sold") == "1", "the replica has the order")
        second.ask("REPLICAOF", "NO", "ONE")
        first.ask("REPLICAOF", "127.0.0.2", second.port)
        hosts.name(NAME, "127.0.0.2")
        took = seconds_until_sold(server, buyer)
        assert int(second.ask("HGET", "fs:{tv}:sale", "sold")) >= 2
        assert "its name has moved from 127.0.0.1 to 127.0.0.2" in server.log()
    assert took < 1 * slowness(), took


@pytest.mark.limit(90)
def test_sentinels_and_seeds_that_are_named_may_move(folder, named):
    """The only sentinel that the server knows is moved, and is then needed for a failover."""
    hosts = Hosts(folder / "hosts")
    hosts.name(NAME, "127.0.0.1")
    with Sentinels(folder / "redis") as group:
        first = group.sentinels[0]
        server = named(hosts, f"sentinel://{NAME}:{first.port}/{MASTER}").start()
        server.sale("tv", stock=10)
        buyer = server.login("user_1")
        assert server.buy("tv", buyer).status == 200
        until(lambda: group.replica.ask("HGET", "fs:{tv}:sale", "sold") == "1", "replicated")
        hosts.name(NAME, "127.0.0.9")  # nobody listens there
        until(lambda: "sentinel" in server.log().splitlines()[-1], "the sentinel is missed")
        hosts.name(NAME, "127.0.0.1")
        group.fail_over()
        seconds_until_sold(server, buyer)
