"""A primary, its replica and three sentinels of a test's own, on free ports of 127.0.0.1.

    with Sentinels(folder) as group:
        server = Server(folder / "s", "--redis", group.url)
        group.fail_over()
"""
from flashsale import slowness
from redis_cluster import until
from redis_server import RedisError, RedisServer

MASTER = "mymaster"
DOWN_AFTER_MS = 5000  # on a busy machine a shorter one deposes a primary that is only slow


class Sentinel(RedisServer):
    """One sentinel: a redis-server with a file that it rewrites."""

    def __init__(self, folder, primary, quorum):
        super().__init__(folder, tcp=True)
        self.primary = primary
        self.quorum = quorum

    def command(self):
        config = self.folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"logfile {self.folder}/redis.log\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {self.primary.port} {self.quorum}\n"
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {MASTER} 10000\n")
        return [super().command()[0], str(config), "--sentinel"]


class Sentinels:
    def __init__(self, folder, sentinels=3, replicas=1, **settings):
        self.servers = [RedisServer(folder / f"r{n}", tcp=True, repl_diskless_sync_delay="0",
                                    repl_ping_replica_period="1", **settings) for n in range(1 + replicas)]
        self.folder = folder
        self.sentinel_count = sentinels
        self.sentinels = []

    @property
    def url(self):
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"sentinel://{places}/{MASTER}"

    def start(self):
        primary, *replicas = self.servers
        primary.start()
        for replica in replicas:
            replica.settings["replicaof"] = f"127.0.0.1 {primary.port}"
            replica.start()
        self.sentinels = [Sentinel(self.folder / f"s{n}", primary, self.sentinel_count // 2 + 1)
                          for n in range(self.sentinel_count)]
        for one in self.sentinels:
            one.start()
        until(self.is_well, "the sentinels know each other and the replica")
        return self

    def is_well(self):
        """Every sentinel knows the others, the primary and a replica that follows it."""
        try:
            for one in self.sentinels:
                told = one.ask("SENTINEL", "MASTER", MASTER)
                told = dict(zip(told[::2], told[1::2]))
                if (told["flags"], told["num-slaves"], told["num-other-sentinels"]) != (
                        "master", str(len(self.servers) - 1), str(self.sentinel_count - 1)):
                    return False
            return all(one.ask("ROLE")[3] == "connected" for one in self.servers
                       if one is not self.primary)
        except (OSError, RedisError, IndexError, KeyError, TypeError):
            return False

    @property
    def primary(self):
        """As the sentinels say, all of them; None: they do not agree."""
        ports = {int(one.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])
                 for one in self.sentinels}
        found = [one for one in self.servers if {one.port} == ports]
        return found[0] if found else None

    @property
    def replica(self):
        return next(one for one in self.servers if one is not self.primary)

    def await_switch(self, old, timeout=30.0):
        def switched():
            now = self.primary
            return now if now not in (None, old) and now.ask("ROLE")[0] == "master" else None

        return until(switched, "another primary", timeout)

    def fail_over(self):
        """The primary is killed, and a sentinel told to replace it; returns (old, new)."""
        old = self.primary
        old.kill()
        until(self._begins_failover, "a sentinel replaces the primary")
        return old, self.await_switch(old)

    def _begins_failover(self):
        try:
            return self.sentinels[0].ask("SENTINEL", "FAILOVER", MASTER) == "OK"
        except RedisError as refusal:  # a replica that it has not heard of for a while is not good
            return str(refusal).startswith("INPROG")

    def come_back(self, server):
        """The one that was killed, as a primary as it was; the sentinels make it a replica.  Not on a
        thread that ends before: the server would end with it."""
        server.settings.pop("replicaof", None)
        server.start()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc):
        for one in self.sentinels + self.servers:
            one.kill()
