"""Whoever takes nothing, or sends nothing, of HTTP/2 in time is ended; whoever is only slow is not."""
import time

import pytest

import http2
from flashsale import slowness
from http2 import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, frame, request
from http2_server import check_well

GET = http2.block("GET", "/inventory/1")


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


@pytest.mark.limit(30)
def test_an_idle_connection_is_told_before_it_ends(hasty):
    with hasty.wire() as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
        wire.sock.settimeout(5 * slowness())
        assert wire.to_end()[:2] == (1, 0)


@pytest.mark.limit(30)
def test_a_slow_buyer_within_the_time_is_served(hasty):
    buyer = hasty.login("user_1")
    for _ in range(5):
        with hasty.wire() as wire:
            begun = time.monotonic()
            wire.send(frame(HEADERS, END_HEADERS, 1, http2.block("POST", "/purchase/1", buyer)))
            time.sleep(0.6)
            was_in_time = time.monotonic() - begun < 0.7 * slowness()
            try:
                wire.send(frame(DATA, END_STREAM, 1, b'{"quantity":1}'))
                assert wire.answer(1).status == 200
                return
            except (OSError, http2.Ended):
                assert not was_in_time  # else the machine was slower than this buyer is meant to be
    raise AssertionError("the machine was too slow each time")
