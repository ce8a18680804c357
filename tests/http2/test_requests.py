"""What a request over HTTP/2 may look like, and whom HTTP/2 is offered."""
import ssl
import struct

import pytest

import http1
import http2
from flashsale import slowness
from http2 import (DATA, END_HEADERS, END_STREAM, HAS_PRIORITY, HEADERS, PING, PREFACE, PRIORITY,
                   PROTOCOL_ERROR, frame, request, settings)
from http2_server import check_refused, check_well

GET = http2.block("GET", "/inventory/1")


@pytest.fixture(name="server")
def fixture_server(standing):
    return standing


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


@pytest.mark.parametrize("path", ["*", "x", "//", "/%", "/\x7f", "/" + "a" * 9000, "?"])
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
