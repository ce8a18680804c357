"""What one client can do to h2o 2.2.5 over HTTP/2, each with what stands against it: no abort, no
spin, bounded memory, and others are served meanwhile."""
import random
import socket
import ssl
import struct
import time

import pytest

import http1
import http2
from flashsale import nightly, sized, slowness
from http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE,
                   PRIORITY, SETTINGS, WINDOW_UPDATE, frame, request, settings, window_update)
from http2_server import check_refused, check_well, rss_kb

GET = http2.block("GET", "/inventory/1")
FLOOD = 100_000


@pytest.fixture(name="server")
def fixture_server(standing):
    return standing


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


# Windows

def test_a_window_of_any_size_is_served(server):
    whole = server.ask("GET", "/inventory/1").body
    size = len(whole)
    for window in (0, 1, size - 1, size, size + 1, 32767, 65534):
        with server.wire(start=False) as wire:
            wire.send(PREFACE + settings((http2.INITIAL_WINDOW_SIZE, window)))
            wire.send(request(1, "GET", "/inventory/1"))
            for _ in range(20):
                wire.send(window_update(1, 1))
                time.sleep(0.001)
            wire.send(window_update(1, 100_000))
            assert len(wire.answer(1).body) == size, window
            # All is sent: further changes of the window find no stream to wake.
            wire.send(window_update(1, 1) * 20 + settings((http2.INITIAL_WINDOW_SIZE, 7))
                      + settings((http2.INITIAL_WINDOW_SIZE, 100_000)))
            wire.send(request(3, "GET", "/inventory/1"))
            assert len(wire.answer(3).body) == size, window
    check_well(server)


def test_windows_that_change_at_random_amid_answers_do_not_abort(server):
    rng = random.Random(20261130)
    size = len(server.ask("GET", "/inventory/1").body)
    for _ in range(sized(30, 3000)):
        with server.wire(start=False) as wire:
            pieces = [PREFACE + settings((http2.INITIAL_WINDOW_SIZE, rng.choice([0, 1, size])))]
            for n in range(40):
                pieces.append(request(2 * n + 1, "GET", "/inventory/1"))
                for _ in range(rng.randrange(4)):
                    pieces.append(rng.choice([
                        settings((http2.INITIAL_WINDOW_SIZE,
                                  rng.choice([0, 1, size - 1, size, size + 1, 65535]))),
                        window_update(rng.randrange(n + 1) * 2 + 1, rng.choice([1, size, 65535])),
                        window_update(0, rng.choice([1, 65535]))]))
            try:
                for piece in pieces:
                    wire.send(piece)
                wire.sock.settimeout(0.02)
                wire.to_end()
            except (OSError, TimeoutError):
                pass
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
            pass  # who leaves so many answers unread is disconnected at the next sweep
    check_well(server)


def test_a_window_that_shrinks_later_is_served(server):
    with server.wire() as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
        wire.send(settings((http2.INITIAL_WINDOW_SIZE, 1000)))
        assert wire.ask("GET", "/inventory/1").status == 200
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
    print(f"{sized(300, 20_000)} connections")
    check_well(server)
    server.audit(3)
