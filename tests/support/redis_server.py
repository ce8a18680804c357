"""A redis-server of a test's own: on a unix socket or a free port, stopped by its own pid whatever
happens, killed, paused and set back as the test wants.

    with RedisServer(folder) as redis:
        server = Server(folder / "s", "--redis", redis.url)
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from flashsale import _die_with_parent, slowness

PROGRAM = shutil.which("redis-server") or "/usr/bin/redis-server"
CLI = shutil.which("redis-cli") or "/usr/bin/redis-cli"


class RedisError(Exception):
    """An error that Redis answered."""


HELD = []  # sockets whose names keep a port for this process


def free_port():
    """A port of 127.0.0.1 for this process until it ends, also while its server is down: the system
    hands it to nobody by itself, and each test asks first for a name that one only can have."""
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = range(10_000, low) if low > 20_000 else range(high + 1, 65_536) or range(10_000, 60_000)
    first = 97 * os.getpid() % len(ports)
    for port in [*ports[first:], *ports[:first]]:
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0flashsale-test-port-{port}")
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        HELD.append(name)
        return port
    raise AssertionError("no port is free")


class RedisServer:
    """settings: what redis.conf would say, with _ for -; appendfsync is always unless it says
    otherwise."""

    def __init__(self, folder, tcp=False, **settings):
        self.folder = pathlib.Path(folder)
        self.port = free_port() if tcp else 0
        self.socket = None if tcp else str(self.folder / "r.sock")
        self.settings = {"appendonly": "yes", "appendfsync": "always", "save": "",
                         "maxmemory-policy": "noeviction", "auto-aof-rewrite-percentage": "0"}
        self.settings.update({name.replace("_", "-"): value for name, value in settings.items()})
        self.password = self.settings.get("requirepass")
        self.process = None

    @property
    def address(self):
        """(host, port) or a path, as http1.connect takes it."""
        return self.socket or ("127.0.0.1", self.port)

    @property
    def url(self):
        secret = f":{self.password}@" if self.password else ""
        return f"unix:{self.socket}" if self.socket else f"redis://{secret}127.0.0.1:{self.port}"

    def command(self):
        command = [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--daemonize", "no",
                   "--dir", str(self.folder), "--logfile", str(self.folder / "redis.log")]
        if self.socket:
            command += ["--unixsocket", self.socket]
        for name, value in self.settings.items():
            command += [f"--{name}", *(str(value).split(" ") if value != "" else [""])]
        return command

    def start(self, timeout=15.0):
        """Returns once it answers, having loaded its data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=_die_with_parent)
        limit = time.monotonic() + timeout * slowness()
        while not self.answers():
            assert self.process.poll() is None, f"redis-server ended:\n{self.log()}"
            assert time.monotonic() < limit, f"redis-server is not ready:\n{self.log()}"
            time.sleep(0.002)
        return self

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except (OSError, RedisError):
            return False

    def log(self):
        path = self.folder / "redis.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        """SIGKILL, as a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def ask(self, *words, timeout=5.0):
        """One command; its answer as int, str, None or list."""
        return ask(self.address, *words, password=self.password, timeout=timeout)

    def cli(self, *words):
        """redis-cli, as an operator uses it; its lines."""
        where = ["-s", self.socket] if self.socket else ["-p", str(self.port)]
        secret = ["--no-auth-warning", "-a", self.password] if self.password else []
        done = subprocess.run([CLI, *where, *secret, *words], capture_output=True, text=True,
                              timeout=20 * slowness(), check=True)
        return done.stdout.split("\n")[:-1]

    def keys(self, pattern="*"):
        return self.cli("--scan", "--pattern", pattern)

    # Its data, as files: only while it is down, or with appendfsync always and nobody writing

    def keep(self, name):
        """Copies the append-only file aside."""
        shutil.copytree(self.folder / "appendonlydir", self.folder / name)

    def set_back(self, name):
        """Puts a copy in the place of the data; the server must be down."""
        assert self.process.poll() is not None
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(self.folder / name, self.folder / "appendonlydir")

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.kill()


def ask(address, *words, password=None, timeout=5.0):
    """One command on a connection of its own."""
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect(address)
        with sock.makefile("rb") as stream:
            if password:
                sock.sendall(encoded("AUTH", password))
                reply_from(stream)
            sock.sendall(encoded(*words))
            return reply_from(stream)


def encoded(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def reply_from(stream):
    """Reads one reply."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("redis ended the connection")
    kind, rest = line[:1], line[1:-2].decode(errors="replace")
    if kind == b"-":
        raise RedisError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
    if kind == b"*":
        return [reply_from(stream) for _ in range(int(rest))]
    return rest


# Servers that flashsale started

def children(pid, name):
    """Pids of the processes called name whose parent is pid."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            head, tail = path.read_text().rsplit(")", 1)
        except OSError:
            continue  # it ended meanwhile
        if head.split("(", 1)[1] == name and int(tail.split()[1]) == pid:
            found.append(int(path.parent.name))
    return sorted(found)


def private_servers(server):
    """Pids of the redis-servers that a running flashsale.Server keeps."""
    return children(server.pid, "redis-server")


def is_alive(pid):
    """True while the process is there and is no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
