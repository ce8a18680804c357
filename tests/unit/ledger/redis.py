"""A redis-server of a test's own, and a client of a few lines: what the tests of the Lua scripts and
the script that measures them need, and no more."""

import hashlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

STRATEGIES = pathlib.Path(__file__).resolve().parents[3] / "strategies"


class RedisError(Exception):
    pass


class Redis:
    """One server on a unix socket in a temporary folder, and one connection to it."""

    def __init__(self, appendfsync=None):
        self.folder = tempfile.mkdtemp(prefix="fs-redis-")
        path = self.folder + "/s"
        persistence = (["--appendonly", "yes", "--appendfsync", appendfsync] if appendfsync
                       else ["--appendonly", "no"])
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", path, "--dir", self.folder, "--save", "",
             "--maxmemory-policy", "noeviction", *persistence], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.01)
        self.reader = self.socket.makefile("rb")
        self.digests = {}

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop()

    def stop(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))

    def read(self):
        """Texts as str with surrogates for bytes that are no UTF-8; an error as an exception."""
        line = self.reader.readline()
        if not line:
            raise ConnectionError("redis-server hung up")
        kind, value = line[:1], line[1:-2]
        if kind == b":":
            return int(value)
        if kind == b"+":
            return value.decode()
        if kind == b"-":
            return RedisError(value.decode())
        if kind == b"$":
            return None if value == b"-1" else \
                self.reader.read(int(value) + 2)[:-2].decode("utf-8", "surrogateescape")
        if kind == b"*":
            return None if value == b"-1" else [self.read() for _ in range(int(value))]
        raise ConnectionError(f"no RESP: {line!r}")

    def ask(self, *words):
        self.send(*words)
        answer = self.read()
        if isinstance(answer, RedisError):
            raise answer
        return answer

    def run(self, source, keys, *arguments):
        """A script by its digest, loaded when it is new."""
        if source not in self.digests:
            self.digests[source] = hashlib.sha1(source.encode()).hexdigest()
            self.ask("SCRIPT", "LOAD", source)
        return self.ask("EVALSHA", self.digests[source], len(keys), *keys, *arguments)

    def hash(self, key):
        flat = self.ask("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def cpu_us(self):
        """CPU time of the process so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1e4


def script(*names):
    """The files as the build puts them together; those that write stand between the proof of permissions."""
    if names[-1] not in ("ledger/show.lua", "ledger/audit.lua", "v4_shards/read.lua"):
        names = ("ledger/allowed_begin.lua", *names, "ledger/allowed_end.lua")
    return "\n".join((STRATEGIES / name).read_text() for name in names)
