"""An HTTP/2 client that can send any frame: for cases, for attacks, and, on asyncio, for load.

Headers are written without compression, so that a test chooses every byte; answers are read with
python3-hpack.  Parser is without a socket; Wire is it on a blocking socket; AsyncWire is it on
asyncio, many requests on one connection.
"""
import asyncio
import socket
import ssl
import struct

import hpack

import http1
from http1 import Answer, Ended, Garbage

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
PROTOCOL_ERROR, STREAM_CLOSED, REFUSED_STREAM, CALM = 1, 5, 7, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def _text(value):
    value = value if isinstance(value, bytes) else str(value).encode("utf-8")
    return _number(len(value), 7) + value


def _number(value, bits, first=0):
    top = (1 << bits) - 1
    if value < top:
        return bytes([first | value])
    out, value = [first | top], value - top
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def field(name, value, kept=False):
    """One header as it is; kept: the other side shall remember it."""
    name = name if isinstance(name, bytes) else name.encode()
    return (b"\x40" if kept else b"\x00") + _text(name.lower()) + _text(value)


def block(method, path, headers=(), authority="flashsale"):
    pseudo = [(":method", method), (":scheme", "https"), (":path", path)]
    pseudo += [(":authority", authority)] if authority is not None else []
    return b"".join(field(*pair) for pair in [*pseudo, *headers])


def request(stream, method, path, headers=(), body=None, authority="flashsale"):
    """All frames of a request."""
    if body is not None and "content-length" not in [str(name).lower() for name, _ in headers]:
        headers = [*headers, ("content-length", len(body))]
    head = block(method, path, headers, authority)
    if body is None:
        return frame(HEADERS, END_STREAM | END_HEADERS, stream, head)
    pieces = [body[at:at + 16384] for at in range(0, len(body), 16384)] or [b""]
    last = len(pieces) - 1
    return frame(HEADERS, END_HEADERS, stream, head) + b"".join(
        frame(DATA, END_STREAM if n == last else 0, stream, piece)
        for n, piece in enumerate(pieces))


class Reset(ConnectionError):
    """The server took the stream back."""

    def __init__(self, code):
        super().__init__(f"RST_STREAM {code}")
        self.code = code


class Parser:
    """Sorts frames into the answers of streams; what must be said in return is in replies."""

    def __init__(self):
        self.buffer = bytearray()
        self.decoder = hpack.Decoder()
        self.streams = {}   # under way: [headers, body]
        self.answers = {}   # {stream: Answer or Reset}
        self.goaways = []   # (last stream, code, reason)
        self.counts = {}    # {kind: frames}
        self.replies = bytearray()

    def feed(self, data):
        self.buffer += data
        while len(self.buffer) >= 9:
            size = int.from_bytes(self.buffer[:3], "big")
            if size > 16384:
                raise Garbage(f"a frame of {size} bytes")
            if len(self.buffer) < 9 + size:
                return
            kind, flags = self.buffer[3], self.buffer[4]
            stream = int.from_bytes(self.buffer[5:9], "big")
            payload = bytes(self.buffer[9:9 + size])
            del self.buffer[:9 + size]
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self._take(kind, flags, stream, payload)

    def _take(self, kind, flags, stream, payload):
        if kind == HEADERS:
            if not flags & END_HEADERS:
                raise Garbage("an answer whose headers need a second frame")
            if stream in self.streams or stream in self.answers:
                raise Garbage(f"headers twice on stream {stream}")
            self.streams[stream] = [self.decoder.decode(payload), bytearray()]
        elif kind == DATA:
            if stream not in self.streams:
                raise Garbage(f"data without headers on stream {stream}")
            self.streams[stream][1] += payload
            if payload:
                self.replies += window_update(0, len(payload))
        elif kind == RST_STREAM:
            self.streams.pop(stream, None)
            self.answers.setdefault(stream, Reset(int.from_bytes(payload, "big")))
        elif kind == SETTINGS and not flags & ACK:
            self.replies += frame(SETTINGS, ACK)
        elif kind == PING and not flags & ACK:
            self.replies += frame(PING, ACK, 0, payload)
        elif kind == GOAWAY:
            last, code = struct.unpack(">II", payload[:8])
            self.goaways.append((last & 0x7fffffff, code, payload[8:].decode("latin-1")))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            headers, body = self.streams.pop(stream)
            status = [value for name, value in headers if name == ":status"]
            named = [pair for pair in headers if not pair[0].startswith(":")]
            if len(status) != 1 or any(name != name.lower() for name, _ in named):
                raise Garbage(f"headers {headers}")
            self.answers[stream] = Answer(int(status[0]), named, bytes(body))


def client_context(cafile=None):
    """TLS that asks for HTTP/2 and nothing else; without cafile it trusts anybody."""
    context = ssl.create_default_context(cafile=cafile)
    if cafile is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


class Wire:
    """One connection, blocking; its frames go out as they are given."""

    def __init__(self, address, timeout=10.0, tls=None, start=True, session=None):
        self.sock = http1.connect(address, timeout)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost", session=session)
            if self.sock.selected_alpn_protocol() != "h2":
                raise AssertionError("the server does not offer HTTP/2")
        self.parser = Parser()
        self.stream = -1
        if start:
            self.send(PREFACE + settings())

    def send(self, data):
        self.sock.sendall(data)

    def next_stream(self):
        self.stream += 2
        return self.stream

    def begin(self, method, path, headers=(), body=None):
        """Sends a request and returns its stream."""
        stream = self.next_stream()
        self.send(request(stream, method, path, headers, body))
        return stream

    def read(self):
        """Takes what is there, or waits for something; Ended when there is nothing any more."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, BrokenPipeError):
            data = b""
        if not data:
            raise Ended("the connection ended without an answer")
        self.parser.feed(data)
        if self.parser.replies:
            replies, self.parser.replies = bytes(self.parser.replies), bytearray()
            try:
                self.send(replies)
            except OSError:
                pass  # it may have ended by now: the next read says so

    def answer(self, stream=None):
        stream = stream or self.stream
        while stream not in self.parser.answers:
            self.read()
        answer = self.parser.answers.pop(stream)
        if isinstance(answer, Reset):
            raise answer
        return answer

    def ask(self, method, path, headers=(), body=None):
        return self.answer(self.begin(method, path, headers, body))

    def to_end(self):
        """Reads until the server ends the connection; returns its last GOAWAY, or None."""
        try:
            while True:
                self.read()
        except Ended:
            return self.parser.goaways[-1] if self.parser.goaways else None

    def is_ended(self, timeout):
        self.sock.settimeout(timeout)
        try:
            self.to_end()
        except (TimeoutError, socket.timeout):
            return False
        return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class AsyncWire:
    """One connection on asyncio; ask() may be under way many times at once."""

    def __init__(self, address, tls):
        self.address = address
        self.tls = tls
        self.parser = Parser()
        self.stream = -1
        self.waiting = {}     # {stream: future}
        self.unanswered = []  # at the connection's end
        self.ended = False

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(
            *self.address, ssl=self.tls, server_hostname="localhost")
        self.writer.write(PREFACE + settings())
        self.task = asyncio.create_task(self._read())
        return self

    async def _read(self):
        try:
            while True:
                data = await self.reader.read(65536)
                if not data:
                    break
                self.parser.feed(data)
                if self.parser.replies:
                    self.writer.write(bytes(self.parser.replies))
                    self.parser.replies.clear()
                for stream in [s for s in self.parser.answers if s in self.waiting]:
                    self._settle(stream, self.parser.answers.pop(stream))
        except OSError:
            pass
        except Garbage as problem:
            for stream in list(self.waiting):
                self._settle(stream, problem)
        self.ended = True
        self.unanswered = list(self.waiting)
        for stream in self.unanswered:
            self._settle(stream, Ended("the connection ended without an answer"))

    def _settle(self, stream, answer):
        future = self.waiting.pop(stream)
        if future.done():
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def is_refused(self, stream):
        """The server has said that it does not serve this stream: nothing was done for it."""
        return any(stream > last for last, _, _ in self.parser.goaways)

    async def ask(self, method, path, headers=(), body=None):
        if self.ended:
            raise Ended("the connection has ended")
        self.stream += 2
        stream = self.stream
        future = asyncio.get_running_loop().create_future()
        self.waiting[stream] = future
        self.writer.write(request(stream, method, path, headers, body))
        return await future

    def lost(self):
        """Streams without an answer that the server had said it would serve."""
        return [stream for stream in self.unanswered if not self.is_refused(stream)]

    def close(self):
        self.writer.close()
        self.task.cancel()
