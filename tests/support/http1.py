"""An HTTP/1.1 client that forgives nothing: what a server sends is an answer, an end, or garbage.

Parser is without a socket; Wire is it on a blocking socket, for tests that choose every byte;
AsyncWire is it on asyncio, for load.
"""
import asyncio
import fcntl
import json
import pathlib
import re
import socket
import sys
import termios
import time

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) [\x20-\x7e]*")
HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
HEAD_MAX = 65536


class Garbage(AssertionError):
    """The server sent bytes that are no answer."""


class Ended(ConnectionError):
    """The connection ended before an answer began."""


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # [(name, value)] as sent
        self.body = body

    def get(self, name, default=None):
        """The header's value; more than one of it is an error of the server."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(found) > 1:
            raise Garbage(f"header {name} sent {len(found)} times")
        return found[0] if found else default

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    @property
    def code(self):
        """The problem's code, or None."""
        try:
            return self.json().get("code")
        except (ValueError, AttributeError):
            return None

    @property
    def closes(self):
        return (self.get("connection") or "").lower() == "close"

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class Parser:
    """Cuts a stream of bytes into answers."""

    def __init__(self):
        self.buffer = bytearray()
        self.ended = False

    def take(self, to_head=False):
        """The next whole answer, or None when more bytes are needed."""
        while True:
            head_end = self.buffer.find(b"\r\n\r\n")
            if head_end < 0:
                self._check_start()
                return None
            status, headers = self._head(bytes(self.buffer[:head_end]))
            if status >= 200:
                break
            if status == 101:
                raise Garbage("101: the server changed the protocol")
            del self.buffer[:head_end + 4]  # an interim answer
        start = head_end + 4
        lengths = [v for k, v in headers if k.lower() == "content-length"]
        coding = [v.lower() for k, v in headers if k.lower() == "transfer-encoding"]
        if len(lengths) > 1 or (lengths and coding):
            raise Garbage(f"ambiguous framing in an answer: {headers}")
        if to_head or status in (204, 304):
            body, used = b"", start
        elif lengths:
            if not re.fullmatch("[0-9]+", lengths[0]):
                raise Garbage(f"Content-Length: {lengths[0]}")
            used = start + int(lengths[0])
            if len(self.buffer) < used:
                return None
            body = bytes(self.buffer[start:used])
        elif coding == ["chunked"]:
            body, used = self._chunked(start)
            if body is None:
                return None
        elif self.ended:
            body, used = bytes(self.buffer[start:]), len(self.buffer)
        else:
            return None
        del self.buffer[:used]
        return Answer(status, headers, body)

    def end(self):
        """The stream ended; half an answer is garbage."""
        self.ended = True

    def check_end(self):
        if self.buffer:
            raise Garbage(f"the connection ended within an answer: {bytes(self.buffer[:200])!r}")

    def _check_start(self):
        start = bytes(self.buffer[:7])
        if not b"HTTP/1.".startswith(start) and start != b"HTTP/1.":
            raise Garbage(f"not an answer: {bytes(self.buffer[:200])!r}")
        if len(self.buffer) > HEAD_MAX:
            raise Garbage("a head without end")

    def _head(self, head):
        lines = head.split(b"\r\n")
        found = STATUS_LINE.fullmatch(lines[0])
        if not found:
            raise Garbage(f"status line: {lines[0][:200]!r}")
        headers = []
        for line in lines[1:]:
            pair = HEADER_LINE.fullmatch(line)
            if not pair:
                raise Garbage(f"header line: {line[:200]!r}")
            headers.append((pair[1].decode("ascii"), pair[2].decode("latin-1")))
        return int(found[1]), headers

    def _chunked(self, at):
        body = bytearray()
        while True:
            line_end = self.buffer.find(b"\r\n", at)
            if line_end < 0:
                return None, 0
            line = bytes(self.buffer[at:line_end])
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", line):
                raise Garbage(f"chunk size: {line[:40]!r}")
            size = int(line, 16)
            at = line_end + 2
            if len(self.buffer) < at + size + 2:
                return None, 0
            if self.buffer[at + size:at + size + 2] != b"\r\n":
                raise Garbage("chunk without its end")
            body += self.buffer[at:at + size]
            at += size + 2
            if size == 0:
                return bytes(body), at


def request_bytes(method, path, headers=(), body=None, host="flashsale"):
    """headers: [(name, value)], str or bytes; a Host is added when none is named."""
    lines = [_bytes(method) + b" " + _bytes(path) + b" HTTP/1.1"]
    names = {_bytes(name).lower() for name, _ in headers}
    if b"host" not in names and host is not None:
        lines.append(b"Host: " + _bytes(host))
    if body is not None and b"content-length" not in names and b"transfer-encoding" not in names:
        lines.append(b"Content-Length: %d" % len(body))
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def _bytes(text):
    return text if isinstance(text, bytes) else str(text).encode("utf-8")


def connect(address, timeout=10.0):
    """address: (host, port) or the path of a unix socket."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        sock.connect(address)
    else:
        sock = socket.create_connection(address, timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def was_read(sock, timeout=20.0):
    """True when the other end of a connection over IPv4 has read all that was sent, within timeout."""
    def end(address):
        host, port = address
        return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"

    wanted = f" {end(sock.getpeername())} {end(sock.getsockname())} 01 "  # established, at their end
    limit = time.monotonic() + timeout
    while time.monotonic() < limit:
        unsent = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
        if unsent == bytes(4):
            lines = pathlib.Path("/proc/net/tcp").read_text().split("\n")
            if any(wanted in line and line.split()[4].endswith(":00000000") for line in lines):
                return True
        time.sleep(0.001)
    return False


class Wire:
    """One connection, blocking."""

    def __init__(self, address, timeout=10.0, tls=None, sock=None):
        self.sock = sock or connect(address, timeout)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.parser = Parser()

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, to_head=False):
        """The next answer; raises Ended, Garbage, or TimeoutError."""
        while True:
            answer = self.parser.take(to_head)
            if answer:
                return answer
            if self.parser.ended:
                self.parser.check_end()
                raise Ended("the connection ended without an answer")
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if data:
                self.parser.buffer += data
            else:
                self.parser.end()

    def ask(self, method, path, headers=(), body=None):
        try:
            self.send(request_bytes(method, path, headers, body))
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent: the answer says why
        return self.answer(to_head=method == "HEAD")

    def answers_to_end(self):
        """Every answer until the server ends the connection."""
        answers = []
        while True:
            try:
                answers.append(self.answer())
            except Ended:
                return answers

    def is_ended(self, timeout):
        """True when the server ends the connection within timeout, sending nothing more."""
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(1)
        except (TimeoutError, socket.timeout):
            return False
        except OSError:
            return True
        if data:
            raise Garbage(f"bytes behind the last answer: {data!r}")
        return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class AsyncWire:
    """One connection on asyncio; connects when first used, and again after an end."""

    def __init__(self, address):
        self.address = address
        self.reader = self.writer = None
        self.parser = Parser()

    async def connect(self):
        if isinstance(self.address, str):
            pair = await asyncio.open_unix_connection(self.address)
        else:
            pair = await asyncio.open_connection(*self.address)
        self.reader, self.writer = pair
        self.parser = Parser()

    async def ask(self, method, path, headers=(), body=None):
        if self.writer is not None and self.reader.at_eof():
            self.close()  # it had rested for too long, and the server ended it
        if self.writer is None:
            await self.connect()
        self.writer.write(request_bytes(method, path, headers, body))
        answer = await self.answer()
        if answer.closes:
            self.close()
        return answer

    async def answer(self):
        while True:
            answer = self.parser.take()
            if answer:
                return answer
            if self.parser.ended:
                self.close()
                self.parser.check_end()
                raise Ended("the connection ended without an answer")
            try:
                data = await self.reader.read(65536)
            except ConnectionError:
                data = b""
            if data:
                self.parser.buffer += data
            else:
                self.parser.end()

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None
