"""A redis-server that is called by a name, and a flashsale with an /etc/hosts of its own in which the
name moves.  It needs a mount namespace, which unprivileged users have on most systems."""
import shutil
import subprocess

from flashsale import Server
from redis_server import RedisServer, ask

INSIDE = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'


def has_namespaces():
    return shutil.which("unshare") is not None and subprocess.run(
        ["unshare", "-rm", "true"], check=False, capture_output=True).returncode == 0


class Hosts:
    """The file; name() changes it in place, since a bind mount shows the file and not its name."""

    def __init__(self, path):
        self.path = path
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("127.0.0.1 localhost\n")

    def name(self, host, address):
        self.path.write_text(f"127.0.0.1 localhost\n{address} {host}\n")


class NamedServer(Server):
    """A flashsale that reads these hosts."""

    hosts = None

    def command(self):
        return ["unshare", "-rm", "sh", "-c", INSIDE, "sh", str(self.hosts.path), *super().command()]


class MovingRedis(RedisServer):
    """Listens on one loopback address at a time; its data and its port stay."""

    loopback = "127.0.0.1"

    @property
    def address(self):
        return (self.loopback, self.port)

    def command(self):
        return [*super().command(), "--bind", self.loopback]

    def move(self, loopback):
        self.kill()
        self.loopback = loopback
        return self.start()


__all__ = ["Hosts", "MovingRedis", "NamedServer", "ask", "has_namespaces"]
