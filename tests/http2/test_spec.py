"""The cases of h2spec's list (github.com/summerwind/h2spec) that a server can fail, written anew: what is a
connection error ends the connection, what is a stream error ends its stream, and all else is served."""
import pytest

import http2
from flashsale import slowness
from http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE,
                   PADDED, PING, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
                   WINDOW_UPDATE, frame, request, settings, window_update)

GET = http2.block("GET", "/inventory/1")
POST = http2.block("POST", "/purchase/1")
OPEN = frame(HEADERS, END_HEADERS, 1, POST)
DONE = frame(HEADERS, END_HEADERS | END_STREAM, 1, GET)
FIELD = http2.field


@pytest.fixture(name="server")
def fixture_server(standing):
    return standing


def pseudo(**fields):
    """A request's pseudo headers with some changed; None leaves one out."""
    usual = {"method": "GET", "scheme": "https", "path": "/inventory/1", "authority": "a"}
    return b"".join(FIELD(f":{name}", value) for name, value in {**usual, **fields}.items()
                    if value is not None)


CONNECTION_ERRORS = {
    "4.2 a frame larger than SETTINGS_MAX_FRAME_SIZE": OPEN + frame(DATA, 0, 1, bytes(16385)),
    "4.2 HEADERS larger than SETTINGS_MAX_FRAME_SIZE": frame(HEADERS, END_HEADERS, 1, bytes(16385)),
    "4.3 a header block that cannot be decoded": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x40"),
    "4.3 PRIORITY within a header block": frame(HEADERS, END_STREAM, 1, GET) + frame(
        PRIORITY, 0, 1, bytes([0, 0, 0, 0, 9])),
    "4.3 HEADERS of another stream within a block": frame(HEADERS, END_STREAM, 1, GET) + frame(
        HEADERS, END_HEADERS | END_STREAM, 3, GET),
    "5.1 DATA on an idle stream": frame(DATA, END_STREAM, 1, b"x"),
    "5.1 RST_STREAM on an idle stream": frame(RST_STREAM, 0, 1, bytes([0, 0, 0, 8])),
    "5.1 WINDOW_UPDATE on an idle stream": window_update(1, 100),
    "5.1 CONTINUATION on an idle stream": frame(CONTINUATION, END_HEADERS, 1, GET),
    "5.1.1 an even stream": frame(HEADERS, END_HEADERS | END_STREAM, 2, GET),
    "5.1.1 a stream below the last": request(5, "GET", "/inventory/1") + request(
        3, "GET", "/inventory/1"),
    "6.1 DATA on stream 0": frame(DATA, END_STREAM, 0, b"x"),
    "6.1 padding longer than DATA": OPEN + frame(DATA, END_STREAM | PADDED, 1, b"\x06ab"),
    "6.2 HEADERS on stream 0": frame(HEADERS, END_HEADERS | END_STREAM, 0, GET),
    "6.2 padding longer than HEADERS": frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1,
                                             b"\xff" + GET),
    "6.3 PRIORITY on stream 0": frame(PRIORITY, 0, 0, bytes([0, 0, 0, 1, 9])),
    "6.4 RST_STREAM on stream 0": frame(RST_STREAM, 0, 0, bytes([0, 0, 0, 8])),
    "6.4 RST_STREAM of another length": OPEN + frame(RST_STREAM, 0, 1, bytes(3)),
    "6.5 SETTINGS with ACK and a payload": frame(SETTINGS, ACK, 0, bytes(6)),
    "6.5 SETTINGS on a stream": frame(SETTINGS, 0, 1, bytes(6)),
    "6.5 SETTINGS of another length": frame(SETTINGS, 0, 0, bytes(3)),
    "6.5.2 ENABLE_PUSH of 2": settings((2, 2)),
    "6.5.2 INITIAL_WINDOW_SIZE above the largest": settings((INITIAL_WINDOW_SIZE, 1 << 31)),
    "6.5.2 MAX_FRAME_SIZE below the least": settings((5, 16383)),
    "6.5.2 MAX_FRAME_SIZE above the largest": settings((5, 1 << 24)),
    "6.6 PUSH_PROMISE from a client": frame(PUSH_PROMISE, END_HEADERS, 1, bytes([0, 0, 0, 2]) + GET),
    "6.7 PING on a stream": frame(PING, 0, 1, bytes(8)),
    "6.7 PING of another length": frame(PING, 0, 0, bytes(6)),
    "6.8 GOAWAY on a stream": frame(http2.GOAWAY, 0, 1, bytes(8)),
    "6.9 WINDOW_UPDATE of 0 on the connection": window_update(0, 0),
    "6.9 WINDOW_UPDATE of another length": frame(WINDOW_UPDATE, 0, 0, bytes(3)),
    "6.9.1 a window above 2^31-1 on the connection": window_update(0, 0x7fffffff) * 2,
    "6.10 CONTINUATION on stream 0": frame(HEADERS, END_STREAM, 1, GET) + frame(
        CONTINUATION, END_HEADERS, 0, GET),
    "6.10 CONTINUATION behind a block that has ended": OPEN + frame(CONTINUATION, END_HEADERS, 1,
                                                                    FIELD("a", "b")),
}

STREAM_ERRORS = {
    "5.3.1 a stream that depends on itself": frame(
        HEADERS, END_HEADERS | END_STREAM | 0x20, 1, bytes([0, 0, 0, 1, 9]) + GET),
    "6.9.1 a window above 2^31-1 on a stream": OPEN + window_update(1, 0x7fffffff) * 2,
    "8.1.2 a capital letter": frame(HEADERS, END_HEADERS | END_STREAM, 1, GET + b"\x00\x01X\x01y"),
    "8.1.2.1 an unknown pseudo header": frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                              GET + FIELD(":test", "ok")),
    "8.1.2.1 a response's pseudo header": frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                                GET + FIELD(":status", "200")),
    "8.1.2.1 a pseudo header behind others": frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                                   FIELD("a", "b") + GET),
    "8.1.2.2 Connection": frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                GET + FIELD("connection", "keep-alive")),
    "8.1.2.2 TE of another value": frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                         GET + FIELD("te", "trailers, deflate")),
    "8.1.2.3 an empty path": frame(HEADERS, END_HEADERS | END_STREAM, 1, pseudo(path="")),
    "8.1.2.3 no path": frame(HEADERS, END_HEADERS | END_STREAM, 1, pseudo(path=None)),
    "8.1.2.3 no method": frame(HEADERS, END_HEADERS | END_STREAM, 1, pseudo(method=None)),
    "8.1.2.3 no scheme": frame(HEADERS, END_HEADERS | END_STREAM, 1, pseudo(scheme=None)),
    "8.1.2.3 two paths": frame(HEADERS, END_HEADERS | END_STREAM, 1, pseudo() + FIELD(":path", "/")),
    "8.1.2.6 a length that is not the body's": frame(
        HEADERS, END_HEADERS, 1, POST + FIELD("content-length", "1")) + frame(
            DATA, END_STREAM, 1, b"test"),
}


# h2o takes them; the server answers 400, as RFC 9113, section 8.1.1, allows.
ANSWERED = ("8.1.2.3 no path",)


@pytest.mark.parametrize("name", CONNECTION_ERRORS)
def test_a_connection_error_ends_the_connection(server, name):
    with server.wire() as wire:
        wire.send(CONNECTION_ERRORS[name])
        wire.sock.settimeout(5 * slowness())
        wire.to_end()


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_a_stream_error_ends_the_stream_or_the_connection(server, name):
    with server.wire() as wire:
        wire.send(STREAM_ERRORS[name])
        try:
            answer = wire.answer(1)
            assert answer.status == 400 and name in ANSWERED, (name, answer)
        except (http2.Reset, ConnectionError):
            pass


def test_after_an_empty_path_the_connection_goes_on(server):
    with server.wire() as wire:
        wire.send(STREAM_ERRORS["8.1.2.3 an empty path"])
        with pytest.raises(http2.Reset) as reset:
            wire.answer(1)
        assert reset.value.code == http2.PROTOCOL_ERROR
        wire.send(request(3, "GET", "/inventory/1"))
        assert wire.answer(3).status == 200


def test_6_9_2_windows_of_one_byte_and_below_zero_are_kept(server):
    whole = server.ask("GET", "/inventory/1").body
    with server.wire(start=False) as wire:
        wire.send(PREFACE + settings((INITIAL_WINDOW_SIZE, 3)) + DONE)
        wire.send(settings((INITIAL_WINDOW_SIZE, 2)) + window_update(1, 2) + window_update(1, 1))
        wire.send(settings((INITIAL_WINDOW_SIZE, 65535)))
        assert len(wire.answer(1).body) == len(whole)


def test_what_is_legal_is_served(server):
    legal = [frame(PING, 0, 0, bytes(8)), frame(PRIORITY, 0, 9, bytes([0, 0, 0, 1, 9])),
             settings((0xff, 1)), settings((2, 0), (2, 0)), frame(0x16, 0, 0, bytes(8)),
             frame(PING, 0xfe, 0, bytes(8)), settings((5, 16384)), window_update(0, 1)]
    with server.wire() as wire:
        wire.send(b"".join(legal) + frame(HEADERS, END_STREAM, 1, GET[:5])
                  + frame(CONTINUATION, 0, 1, GET[5:9]) + frame(CONTINUATION, END_HEADERS, 1, GET[9:]))
        assert wire.answer(1).status == 200
        wire.send(frame(HEADERS, END_HEADERS, 3, POST) + frame(DATA, PADDED, 3, b"\x02{}\0\0")
                  + frame(DATA, END_STREAM, 3, b""))
        assert wire.answer(3).status == 401
