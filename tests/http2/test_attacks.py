"""What one client can do to h2o 2.2.5 over HTTP/2, each with what stands against it: no abort, no
spin, bounded memory, and others are served meanwhile."""
import os
import pathlib
import shutil
import socket
import ssl
import struct
import tempfile
import time

import pytest

import http1
import http2
from flashsale import nightly, sanitizer, sized, slowness
from http2 import (ACK, CALM, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HAS_PRIORITY,
                   HEADERS, PING, PREFACE, PRIORITY, PROTOCOL_ERROR, SETTINGS, WINDOW_UPDATE, frame,
                   request, settings, window_update)
from http2_server import Http2Server

SPAN_S = round(slowness())
TIMES = f"http:\n  request_timeout: {SPAN_S}s\n  slow_reader_timeout: {SPAN_S}s\n"
GET = http2.block("GET", "/inventory/1")
FLOOD = 100_000


def start(path, config=""):
    one = Http2Server(path, config=config)
    return one.start()


@pytest.fixture(scope="module", name="server")
def fixture_server():
    path = pathlib.Path(tempfile.mkdtemp(prefix="fs-h2-"))
    one = None
    try:
        one = start(path / "s")
        yield one
        one.close()
    finally:
        if one:
            one.kill()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(name="hasty")
def fixture_hasty(folder):
    """A server with short times."""
    one = start(folder / "h", TIMES)
    yield one
    one.close()


def rss_kb(server):
    text = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def cpu_s(server):
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pour(wire, pieces):
    """Sends until the server will have no more of it; returns its GOAWAY, or None when a reset of the
    connection overtook it."""
    try:
        for piece in pieces:
            wire.send(piece)
    except OSError:
        pass
    try:
        return wire.to_end()
    except TimeoutError:
        raise AssertionError("the connection goes on") from None
    except (ssl.SSLError, OSError):
        return None


def chunks(one, count, at_once=500):
    for _ in range(count // at_once):
        yield one * at_once


def check_refused(goaway, *codes):
    assert goaway is None or goaway[1] in (codes or (CALM,)), goaway


def check_well(server, rss_before=None):
    """Serves, rests, and has not grown."""
    assert server.ask("GET", "/inventory/1").status == 200
    used, begun = cpu_s(server), time.monotonic()
    time.sleep(0.1)
    assert cpu_s(server) - used < 0.8 * (time.monotonic() - begun) + 0.03, "it spins"
    if rss_before is not None and sanitizer() is None:
        assert rss_kb(server) - rss_before < 16384, "its memory has grown"


# Windows

def test_a_window_as_small_as_an_answer_is_refused(server):
    size = len(server.ask("GET", "/inventory/1").body)
    for window in (0, 1, size, 65534):
        with server.wire(start=False) as wire:
            wire.send(PREFACE + settings((http2.INITIAL_WINDOW_SIZE, window)))
            wire.send(request(1, "GET", "/inventory/1") + window_update(1, 1) * 50)
            check_refused(wire.to_end())
    check_well(server)


@pytest.mark.parametrize("window", [None, 65535, 1 << 20])
def test_windows_of_answers_that_are_written_and_not_taken_do_not_abort(server, window):
    """None: a window as large as the answer, which is all used when the answer is written; one more
    byte, and h2o asserts that the answer is not written yet."""
    size = len(server.ask("GET", "/openapi.json").body)
    streams = range(1, 401, 2)  # more than the kernel keeps for a reader that does not read
    with server.wire(start=False) as wire:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.send(PREFACE + settings((http2.INITIAL_WINDOW_SIZE, window or size))
                  + window_update(0, 1 << 30))
        try:
            for n in streams:  # two at a time: more would take turns, and all end late
                wire.send(request(n, "GET", "/openapi.json"))
                time.sleep(0.002 * slowness() if n % 4 == 3 else 0)
            for change in (window_update, *(2 * [None])):
                wire.send(b"".join(change(n, 1) for n in streams) if change else
                          settings((http2.INITIAL_WINDOW_SIZE, 65535))
                          + settings((http2.INITIAL_WINDOW_SIZE, 0x7fffffff)))
            time.sleep(0.1)
        except OSError:
            assert window is None
    check_well(server)


def test_a_window_that_shrinks_later_is_refused(server):
    with server.wire() as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
        wire.send(settings((http2.INITIAL_WINDOW_SIZE, 1000)))
        check_refused(wire.to_end())
    check_well(server)


@pytest.mark.limit(600 if nightly() else 60)
def test_windows_that_move_while_answers_are_sent_do_not_abort(server, rng):
    """Streams that are all sent, and not yet closed, are those that h2o would activate again."""
    for _ in range(sized(30, 2_000)):
        with server.wire() as wire:
            pieces, stream = [], 1
            for _ in range(60):
                choice = rng.randrange(4)
                if choice < 2:
                    path = rng.choice(["/inventory/1", "/openapi.json", "/nothing"])
                    pieces.append(request(stream, "GET", path))
                    stream += 2
                elif choice == 2:
                    window = rng.choice([65535, 65536, 1 << 20, 0x7fffffff])
                    pieces.append(settings((http2.INITIAL_WINDOW_SIZE, window)))
                else:
                    chosen = rng.choice([0, *range(1, stream, 2)])
                    pieces.append(window_update(chosen, rng.choice([1, 65535, 1 << 20])))
            try:
                wire.send(b"".join(pieces))
                wire.sock.settimeout(0.02)
                wire.to_end()
            except (OSError, http1.Garbage):
                pass
    check_well(server)


def test_a_small_table_for_headers_is_refused_and_told(server):
    with server.wire(start=False) as wire:
        wire.send(PREFACE + settings((http2.HEADER_TABLE_SIZE, 0)))
        goaway = wire.to_end()
        check_refused(goaway)
        assert goaway is None or "HEADER_TABLE_SIZE" in goaway[2]


# Floods

FLOODS = {
    "settings": settings((3, 100)),
    "acknowledged settings": frame(SETTINGS, ACK),
    "pings": frame(PING, 0, 0, b"12345678"),
    "priorities": frame(PRIORITY, 0, 3, struct.pack(">IB", 0, 9)),
    "windows": window_update(0, 1),
    "unknown frames": frame(200, 0, 0, b"abc"),
    "goodbyes": frame(GOAWAY, 0, 0, bytes(8)),
    "resets of nothing": http2.reset(1),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_refused(server, name):
    before, errors = rss_kb(server), server.err_path.stat().st_size
    with server.wire() as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
        check_refused(pour(wire, chunks(FLOODS[name], FLOOD)))
    check_well(server, before)
    assert server.err_path.stat().st_size - errors < 4096, "it fills the log"


def test_a_flood_that_is_not_read_from_is_bounded(server):
    before = rss_kb(server)
    wires = [server.wire() for _ in range(10)]
    for wire in wires:
        try:
            for piece in chunks(FLOODS["pings"], 20_000):
                wire.send(piece)
        except OSError:
            pass
    check_well(server, before)
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("piece", [b"", b"x"])
def test_a_body_in_crumbs_is_refused(server, piece):
    with server.wire() as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, http2.block("POST", "/purchase/1")))
        check_refused(pour(wire, chunks(frame(DATA, 0, 1, piece), FLOOD)))
    check_well(server)


# Headers

def test_as_many_headers_as_on_http1_are_read_and_one_more_is_refused(server):
    for count, refused in ((96, False), (97, True)):
        head = GET + b"".join(http2.field(f"x-{n}", "y") for n in range(count))
        with server.wire() as wire:
            wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, head))
            if refused:
                check_refused(wire.to_end())
            else:
                assert wire.answer(1).status == 200


def test_a_bomb_of_headers_is_refused_before_it_is_unpacked(server):
    """One header of 4,000 bytes, kept, and then named by one byte, 16,000 times a stream."""
    before = rss_kb(server)
    for _ in range(20):
        with server.wire() as wire:
            wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1,
                            GET + http2.field("x", "y" * 4000, kept=True)))
            assert wire.answer(1).status == 200
            bomb = frame(HEADERS, END_STREAM | END_HEADERS, 3, GET + b"\xbe" * 16000)
            check_refused(pour(wire, [bomb]))
    check_well(server, before)


def test_a_bomb_in_pieces_is_refused(server):
    before = rss_kb(server)
    with server.wire() as wire:
        wire.send(frame(HEADERS, END_STREAM, 1, GET) + frame(CONTINUATION, 0, 1, b"\x82" * 6000))
        check_refused(pour(wire, [frame(CONTINUATION, END_HEADERS, 1, b"\x82" * 6000)]))
    check_well(server, before)


@pytest.mark.parametrize("size", [0, 1, 1000, 16384])
def test_headers_without_end_are_refused(server, size):
    before = rss_kb(server)
    with server.wire() as wire:
        wire.send(frame(HEADERS, END_STREAM, 1, GET))
        piece = frame(CONTINUATION, 0, 1, b"\x82" * size)
        check_refused(pour(wire, chunks(piece, 20_000, 20)))
    check_well(server, before)


def test_headers_in_pieces_are_headers(server):
    with server.wire() as wire:
        head = GET + http2.field("x-request-id", "in-pieces")
        pieces = [head[at:at + 20] for at in range(0, len(head), 20)]
        wire.send(frame(HEADERS, END_STREAM, 1, pieces[0]))
        for piece in pieces[1:-1]:
            wire.send(frame(CONTINUATION, 0, 1, piece))
        wire.send(frame(CONTINUATION, END_HEADERS, 1, pieces[-1]))
        answer = wire.answer(1)
        assert answer.status == 200 and answer.get("x-request-id") == "in-pieces"


# Resets

def take_back(server, wire, end_of_one):
    """FLOOD purchases, each taken back at once; returns how many were begun."""
    server.sale("rapid", stock=1_000_000, per_user_max=1_000_000, reset=True)
    buyer = server.login("user_1")
    head = http2.block("POST", "/purchase/rapid", [*buyer, ("content-length", 14)])

    def pieces():
        for first in range(1, 2 * FLOOD, 200):
            yield b"".join(frame(HEADERS, END_HEADERS, n, head)
                           + frame(DATA, END_STREAM, n, b'{"quantity":1}') + end_of_one(n)
                           for n in range(first, first + 200, 2))

    goaway = pour(wire, pieces())
    time.sleep(0.1 * slowness())
    return goaway, 1_000_000 - server.stock("rapid")


RESETS = {
    "by the client": http2.reset,
    "by a window of 0": lambda stream: window_update(stream, 0),
    "by a window that overflows": lambda stream: window_update(stream, 0x7fffffff),
    "by data behind the end": lambda stream: frame(DATA, 0, stream, b"x" * 300),
}


@pytest.mark.parametrize("name", RESETS)
def test_of_100000_requests_taken_back_at_once_100_at_most_are_begun(server, name):
    before = rss_kb(server)
    with server.wire() as wire:
        goaway, begun = take_back(server, wire, RESETS[name])
    print(f"{name}: {begun} begun")
    check_refused(goaway)
    assert begun <= 100
    check_well(server, before)


def test_a_few_resets_are_nobody_s_business(server):
    with server.wire() as wire:
        for _ in range(40):
            wire.send(http2.reset(wire.begin("GET", "/inventory/1")))
        assert wire.ask("GET", "/inventory/1").status == 200


def test_a_hundred_requests_at_once_are_served_and_more_are_refused(server):
    server.sale("held", stock=1000)
    with server.wire() as wire:
        wire.send(b"".join(frame(HEADERS, END_HEADERS, n, http2.block("POST", "/login"))
                           for n in range(1, 203, 2)))
        with pytest.raises(http2.Reset) as refused:
            wire.answer(201)
        assert refused.value.code == http2.REFUSED_STREAM
        wire.send(b"".join(frame(DATA, END_STREAM, n, b"{}") for n in range(1, 201, 2)))
        assert {wire.answer(n).status for n in range(1, 201, 2)} == {400}


# Time

in_time = pytest.mark.skipif(sanitizer() is not None and not nightly(),
                             reason="measures time: under sanitizers at night")


@in_time
@pytest.mark.limit(30)
def test_answers_that_nobody_takes_end_their_connection(hasty):
    with hasty.wire() as wire:
        wire.send(b"".join(request(n, "GET", "/openapi.json") for n in range(1, 21, 2)))
        wire.parser.replies = Silent()
        begun = time.monotonic()
        assert wire.is_ended(8 * slowness())
        assert time.monotonic() - begun > 0.5
    check_well(hasty)


class Silent(bytearray):
    """Takes what should be said, and says nothing."""

    def __iadd__(self, more):
        return self


SLOW = {
    "pings": lambda n: frame(PING, 0, 0, bytes(8)),
    "crumbs of a body": lambda n: frame(DATA, 0, 1, b" "),
    "pieces of headers": lambda n: (frame(HEADERS, END_STREAM, 3, GET[:5]) if n == 0 else
                                    frame(CONTINUATION, 0, 3, b"")),
    "bytes of a frame": lambda n: frame(DATA, 0, 1, b" " * 200)[n:n + 1],
}


@in_time
@pytest.mark.limit(30)
@pytest.mark.parametrize("name", SLOW)
def test_whoever_asks_for_nothing_in_time_is_ended(hasty, name):
    with hasty.wire() as wire:
        if "body" in name or "frame" in name:
            wire.send(frame(HEADERS, END_HEADERS, 1, http2.block("POST", "/purchase/1")))
        begun = time.monotonic()
        try:
            for n in range(int(60 * slowness())):
                wire.send(SLOW[name](n))
                time.sleep(0.1)
        except OSError:
            pass
        took = time.monotonic() - begun
        assert 0.5 < took < 5.5 * slowness(), took
    check_well(hasty)


@in_time
@pytest.mark.limit(30)
def test_an_idle_connection_is_told_before_it_ends(hasty):
    with hasty.wire() as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
        wire.sock.settimeout(5 * slowness())
        assert wire.to_end()[:2] == (1, 0)


@in_time
@pytest.mark.limit(30)
def test_a_slow_buyer_within_the_time_is_served(hasty):
    buyer = hasty.login("user_1")
    with hasty.wire() as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, http2.block("POST", "/purchase/1", buyer)))
        time.sleep(0.6)
        wire.send(frame(DATA, END_STREAM, 1, b'{"quantity":1}'))
        assert wire.answer(1).status == 200


# What a request may look like

def test_a_length_that_is_not_the_body_s_is_refused(server):
    with server.wire() as wire:
        head = http2.block("POST", "/purchase/1", [("content-length", 14)])
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, head))
        answer = wire.answer(1)
        assert (answer.status, answer.code) == (400, "invalid_request")
        wire.send(frame(HEADERS, END_HEADERS, 3, head) + frame(DATA, END_STREAM, 3, b"{}"))
        with pytest.raises(http2.Reset):
            wire.answer(3)
        wire.stream = 3
        assert wire.ask("GET", "/inventory/1").status == 200


def test_headers_behind_the_body_are_refused_and_the_next_request_is_not(server):
    buyer = server.login("user_2")
    head = http2.block("POST", "/purchase/2")
    with server.wire() as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, head) + frame(HEADERS, END_HEADERS, 3, head)
                  + frame(DATA, 0, 1, b'{"quantity":1}')
                  + frame(HEADERS, END_STREAM | END_HEADERS, 1, b"".join(
                      http2.field(*pair) for pair in buyer))
                  + frame(DATA, END_STREAM, 3, b'{"quantity":1}'))
        assert (wire.answer(1).status, wire.answer(3).status) == (400, 401)
    assert server.stock(2) == 100


BAD_HEADS = {
    "transfer-encoding": GET + http2.field("transfer-encoding", "chunked"),
    "connection": GET + http2.field("connection", "close"),
    "no path": http2.field(":method", "GET") + http2.field(":scheme", "https"),
    "two paths": GET + http2.field(":path", "/"),
    "an unknown pseudo header": GET + http2.field(":x", "/"),
    "a pseudo header behind others": http2.field("a", "b") + GET,
    "a capital letter": GET + b"\x00\x01X\x01y",
    "a name without a byte": GET + b"\x00\x00\x01y",
    "half a field": GET + b"\x00\x05x",
    "a number past the table": GET + b"\xff\xff\x01",
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_malformed_head_gets_no_answer_of_success(server, name):
    with server.wire() as wire:
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, BAD_HEADS[name]))
        try:
            assert wire.answer(1).status == 400
        except (http2.Reset, http1.Ended):
            pass
    check_well(server)


@pytest.mark.parametrize("path", ["", "*", "x", "//", "/%", "/\x7f", "/" + "a" * 9000, "/?", "?"])
def test_an_odd_path_is_a_problem(server, path):
    with server.wire() as wire:
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, http2.block("GET", path)))
        answer = wire.answer(1)
        assert answer.status in (400, 404)
        assert answer.get("content-type") == "application/problem+json"


def test_a_header_with_a_byte_that_is_none_is_a_problem(server):
    with server.wire() as wire:
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, GET + http2.field("x", b"a\x00b")))
        answer = wire.answer(1)
        assert answer.status == 400 and answer.get("content-type") == "application/problem+json"


def test_without_authority_it_is_a_request(server):
    with server.wire() as wire:
        wire.send(request(1, "GET", "/inventory/1", authority=None))
        assert wire.answer(1).status == 200


@pytest.mark.parametrize("size", [4097, 16384, 16385, 40_000, 300_000])
def test_a_body_too_large_is_told_and_the_connection_goes_on(server, size):
    with server.wire() as wire:
        answer = wire.ask("POST", "/purchase/1", [], b" " * size)
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert wire.ask("GET", "/inventory/1").status == 200


def test_a_body_that_fills_is_judged_and_one_byte_more_is_too_large(server):
    with server.wire() as wire:
        full = b'{"quantity":1' + b" " * 4082 + b"}"
        assert wire.ask("POST", "/purchase/1", [], full).status == 401
        assert wire.ask("POST", "/purchase/1", [], full + b" ").status == 413


def test_the_first_frame_is_settings(server):
    with server.wire(start=False) as wire:
        wire.send(PREFACE + frame(PING, 0, 0, bytes(8)))
        check_refused(wire.to_end(), PROTOCOL_ERROR)


def test_priorities_are_taken_and_change_nothing(server):
    with server.wire() as wire:
        wire.send(frame(PRIORITY, 0, 1001, struct.pack(">IB", 0, 9)))
        for n in range(1, 41, 2):
            depends = struct.pack(">IB", (0x80000000 if n % 4 == 1 else 0) | max(0, n - 2), n)
            wire.send(frame(HEADERS, END_STREAM | END_HEADERS | HAS_PRIORITY, n, depends + GET))
            wire.send(frame(PRIORITY, 0, n, struct.pack(">IB", n + 2, 1)))
        assert {wire.answer(n).status for n in range(1, 41, 2)} == {200}
        wire.send(frame(PRIORITY, 0, 41, struct.pack(">IB", 41, 1)))
        check_refused(wire.to_end(), PROTOCOL_ERROR)


# Protocols

def test_who_does_not_ask_for_http2_gets_http1(server):
    for offered in (["http/1.1"], ["spdy/3", "http/1.1"], []):
        context = ssl.create_default_context(cafile=server.certificate)
        if offered:
            context.set_alpn_protocols(offered)
        with http1.Wire(server.address, 5 * slowness(), tls=context) as wire:
            assert wire.sock.selected_alpn_protocol() in ("http/1.1", None)
            assert wire.ask("GET", "/inventory/1").status == 200


def test_on_http1_the_preface_is_no_request(server):
    context = ssl.create_default_context(cafile=server.certificate)
    with http1.Wire(server.address, 5 * slowness(), tls=context) as wire:
        wire.send(PREFACE + settings())
        with pytest.raises(http1.Ended):
            while wire.answer().status == 400:
                pass
    check_well(server)


def test_cleartext_is_http1_whatever_a_client_knows(server):
    """The admin listener; the main one of a server without TLS is tests/http/test_framing.py's."""
    for first in (PREFACE + settings(), b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, "
                  b"HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"):
        with http1.Wire(server.admin, 5 * slowness()) as wire:
            wire.send(first)
            try:
                assert wire.answer().status in (200, 400)
            except http1.Ended:
                pass


# Bytes

@pytest.mark.limit(1800 if nightly() else 60)
def test_mutated_frames_do_no_harm(server, rng):
    buyer = server.login("user_3")
    for _ in range(sized(300, 20_000)):
        frames = bytearray(
            settings((4, 1 << 20), (2, 0)) + request(1, "GET", "/inventory/1")
            + request(3, "POST", "/purchase/3", buyer, b'{"quantity":1}')
            + frame(HEADERS, END_STREAM, 5, GET[:30]) + frame(CONTINUATION, END_HEADERS, 5, GET[30:])
            + window_update(0, 1000) + window_update(3, 9) + http2.reset(5) + frame(PING, 0, 0, bytes(8))
            + frame(PRIORITY, 0, 9, bytes(5)) + request(7, "GET", "/openapi.json"))
        for _ in range(rng.randrange(1, 6)):
            frames[rng.randrange(len(frames))] = rng.choice(
                [rng.randrange(256), 0, 0xff, DATA, HEADERS, WINDOW_UPDATE])
        with server.wire(start=False) as wire:
            wire.sock.settimeout(0.01)
            try:
                wire.send(PREFACE + bytes(frames))
                wire.to_end()
            except (OSError, http1.Garbage, AssertionError):
                pass
            except Exception as problem:  # hpack's own errors: an answer cut by our mutation
                if "hpack" not in type(problem).__module__:
                    raise
    check_well(server)
    server.audit(3)
