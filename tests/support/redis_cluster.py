"""A Redis Cluster of a test's own: plain redis-server processes on free ports of 127.0.0.1.

    with RedisCluster(folder, primaries=3, replicas=1) as cluster:
        server = Server(folder / "s", "--redis", cluster.url)
        dead, promoted = cluster.replace("{tv}")
        cluster.come_back(dead)
"""
import time

from flashsale import slowness
from redis_server import RedisError, RedisServer, free_port

SLOTS = 16384
NODE_TIMEOUT_MS = 5000  # on a busy machine a shorter one deposes primaries that are only slow


def slot_of(key):
    """As the specification of Redis Cluster has it: CRC16 of the hash tag."""
    data = key.encode()
    start = data.find(b"{")
    if start >= 0:
        end = data.find(b"}", start + 1)
        if end > start + 1:
            data = data[start + 1:end]
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xffff
    return crc % SLOTS


def until(condition, what, timeout=15.0, pause=0.01):
    limit = time.monotonic() + timeout * slowness()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < limit, f"not within {timeout} s: {what}"
        time.sleep(pause)


class Node(RedisServer):
    """One node; ends with its cluster."""

    def __init__(self, folder, node_timeout_ms, **settings):
        self.bus = free_port()
        super().__init__(folder, tcp=True, cluster_enabled="yes", cluster_port=self.bus,
                         cluster_config_file="nodes.conf", cluster_node_timeout=node_timeout_ms,
                         cluster_replica_validity_factor="0", repl_diskless_sync_delay="0",
                         repl_ping_replica_period="1", repl_timeout="5", **settings)
        self.id = None

    def start(self, timeout=15.0):
        super().start(timeout)
        self.id = self.ask("CLUSTER", "MYID")
        return self

    def info(self, section):
        lines = self.ask("INFO", section).split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def cluster_info(self):
        lines = self.ask("CLUSTER", "INFO").split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    @property
    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def is_primary(self):
        try:
            return self.is_alive and self.ask("ROLE")[0] == "master"
        except (OSError, RedisError):
            return False


class RedisCluster:
    def __init__(self, folder, primaries=3, replicas=1, node_timeout_ms=NODE_TIMEOUT_MS,
                 **settings):
        self.primary_count = primaries
        self.nodes = [Node(folder / f"n{n}", node_timeout_ms, **settings)
                      for n in range(primaries * (1 + replicas))]

    def start(self):
        for number, node in enumerate(self.nodes):
            node.start()
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        primaries = self.nodes[:self.primary_count]
        for number, node in enumerate(primaries):
            first = SLOTS * number // len(primaries)
            last = SLOTS * (number + 1) // len(primaries) - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        for one in self.nodes:
            for other in self.nodes:
                if one is not other:
                    one.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)
        until(lambda: all(self._knows_all(node) for node in self.nodes), "all nodes know all")
        for number, node in enumerate(self.nodes[self.primary_count:]):
            node.ask("CLUSTER", "REPLICATE", primaries[number % len(primaries)].id)
        until(self.is_well, "the cluster is whole, and its replicas follow")
        return self

    def _knows_all(self, node):
        known = node.ask("CLUSTER", "NODES")
        return (node.cluster_info()["cluster_known_nodes"] == str(len(self.nodes))
                and "handshake" not in known and all(other.id in known for other in self.nodes))

    def is_well(self):
        try:
            return self._is_well()
        except (OSError, RedisError):
            return False

    def _is_well(self):
        for node in self.alive:
            if node.cluster_info()["cluster_state"] != "ok":
                return False
            info = node.info("replication")
            if info["role"] == "slave" and info["master_link_status"] != "up":
                return False
        return True

    @property
    def alive(self):
        return [node for node in self.nodes if node.is_alive]

    @property
    def urls(self):
        return [f"redis://127.0.0.1:{node.port}" for node in self.nodes]

    @property
    def url(self):
        """Of a node that is alive."""
        return f"redis://127.0.0.1:{self.alive[0].port}"

    @property
    def primaries(self):
        return [node for node in self.nodes if node.is_primary]

    def agreed_primary(self, key):
        """The node that serves a key, as all that are alive see it; None: they do not agree, or it
        is dead."""
        slot = slot_of(key)
        ports = {port for node in self.alive
                 for first, last, (_, port, *_), *_ in node.ask("CLUSTER", "SLOTS")
                 if first <= slot <= last}
        found = [node for node in self.alive if {node.port} == ports]
        return found[0] if found and found[0].is_primary else None

    def primary_of(self, key):
        return until(lambda: self.agreed_primary(key), f"the nodes agree who serves {key}")

    def describe(self):
        """How each node sees the others, for a failed test."""
        views = []
        for node in self.alive:
            try:
                views.append(f"{node.port}: {node.info('replication')}\n"
                             f"{node.ask('CLUSTER', 'NODES')}{node.log()[-600:]}")
            except (OSError, RedisError) as problem:
                views.append(f"{node.port}: {problem}")
        return "\n".join(views)

    def replicas_of(self, primary):
        return [node for node in self.alive if node is not primary and not node.is_primary
                and node.info("replication")["master_port"] == str(primary.port)]

    def replace(self, key):
        """Kills the primary of a key; its replica takes over without a vote, so at once.  Returns
        (the dead, the promoted)."""
        dead = self.primary_of(key)
        replica = self.replicas_of(dead)[0]
        dead.kill()
        replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        return dead, self.await_promotion(key, dead)

    def fail_over(self, key):
        """The replica takes over by agreement with its primary, which is alive."""
        old = self.primary_of(key)
        replica = self.replicas_of(old)[0]
        for _ in range(4):
            replica.ask("CLUSTER", "FAILOVER")
            try:
                return self.await_promotion(key, old, timeout=6.0)
            except AssertionError:
                continue  # Redis gives up after 5 s, which a busy machine may need
        raise AssertionError(f"the primary of {key} does not give way")

    def set_node_timeout(self, ms):
        for node in self.alive:
            node.ask("CONFIG", "SET", "cluster-node-timeout", ms)

    def await_promotion(self, key, old, timeout=20.0):
        def promoted():
            node = self.agreed_primary(key)
            return node if (node is not None and node is not old and node.is_primary
                            and node.cluster_info()["cluster_state"] == "ok") else None

        return until(promoted, f"a new primary for {key}", timeout)

    def come_back(self, node):
        """A node that was killed, as a replica of whoever took over.  Not on a thread that ends before
        the cluster: the node would end with it."""
        node.start()
        until(lambda: not node.is_primary and self.is_well(), "the node that came back follows")

    def heal(self):
        """Whole again, whatever a test left."""
        for node in self.nodes:
            node.password = None
            if not node.is_alive:
                node.start()
        try:
            until(lambda: self.is_well() and len(self.primaries) == self.primary_count,
                  "the cluster is whole")
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.describe()}") from None

    def move_slot(self, slot, source, target, between=None):
        """As redis-cli --cluster reshard does it; between(n) is called after each key."""
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        if between:
            between(0)
        moved = 0
        while True:
            keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1)
            if not keys:
                break
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            moved += len(keys)
            if between:
                between(moved)
        for node in (target, source, *(n for n in self.primaries if n not in (source, target))):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        return moved

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc):
        for node in self.nodes:
            node.kill()
