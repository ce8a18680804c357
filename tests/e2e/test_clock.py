"""The wall clock steps while the server works: no request waits longer, no connection ends sooner.

The clock of the server alone is moved, by a library that is preloaded into it.
"""
import email.utils
import json
import pathlib
import struct
import threading
import time

import pytest

import http2
from flashsale import binary, sanitizer, slowness
from http2_server import Http2Server

SHIM = pathlib.Path(binary()).parent / "tests" / "support" / "clock_shim.so"

pytestmark = pytest.mark.skipif(sanitizer() is not None,
                                reason="a sanitizer wants to be the first library")


class Clock:
    """The server's wall clock, seconds beside ours."""

    def __init__(self, path):
        self.path = path
        self.step_to(0)

    def step_to(self, seconds):
        if not self.path.exists():
            self.path.write_bytes(bytes(8))
        with open(self.path, "r+b") as file:
            file.write(struct.pack("<q", int(seconds * 1_000_000)))

    def environment(self):
        assert SHIM.is_file(), f"{SHIM} is not built"
        return {"LD_PRELOAD": str(SHIM), "FS_CLOCK_SHIM": str(self.path)}


@pytest.fixture
def clock(folder):
    return Clock(folder / "clock")


class Asker(threading.Thread):
    """Asks on one connection, again and again, and keeps the worst time and what went wrong."""

    def __init__(self, server, stopped):
        super().__init__(daemon=True)
        self.server, self.stopped = server, stopped
        self.count, self.worst, self.problem = 0, 0.0, None

    def run(self):
        try:
            with self.server.wire(timeout=5.0) as wire:
                while not self.stopped.is_set():
                    begun = time.monotonic()
                    status = wire.ask("GET", "/inventory/1").status
                    assert status == 200, status
                    self.worst = max(self.worst, time.monotonic() - begun)
                    self.count += 1
        except (AssertionError, OSError) as problem:
            self.problem = repr(problem)


def step_under_load(server, clock, steps):
    """Steps the clock under load, with 200 connections at rest; what is left of them."""
    resting = [server.wire() for _ in range(200 if not isinstance(server, Http2Server) else 20)]
    for wire in resting:
        assert wire.ask("GET", "/inventory/1").status == 200
    stopped = threading.Event()
    askers = [Asker(server, stopped) for _ in range(4)]
    for asker in askers:
        asker.start()
    for seconds in steps:
        time.sleep(0.3)
        clock.step_to(seconds)
    time.sleep(1.2)  # a sweep has seen it
    stopped.set()
    for asker in askers:
        asker.join(10 * slowness())
    assert not [a.problem for a in askers if a.problem], [a.problem for a in askers]
    assert all(asker.count > 10 for asker in askers)
    worst = max(asker.worst for asker in askers)
    print(f"steps {steps}: {sum(a.count for a in askers)} requests, the slowest {worst:.3f} s")
    assert worst < 2.0 * slowness()
    ended = [n for n, wire in enumerate(resting) if wire.is_ended(0.001)]
    assert not ended, f"{len(ended)} of {len(resting)} resting connections ended"
    for wire in resting:
        wire.sock.settimeout(5.0 * slowness())
        assert wire.ask("GET", "/inventory/1").status == 200
        wire.close()


STEPS = [(-3600, -3600), (30, 30), (86400, -86400)]


@pytest.mark.parametrize("steps", STEPS)
def test_a_step_of_the_wall_clock_harms_no_request_and_ends_no_connection(make_server, clock,
                                                                          steps):
    server = make_server(env=clock.environment()).start()
    step_under_load(server, clock, steps)


@pytest.mark.parametrize("steps", STEPS)
def test_a_step_of_the_wall_clock_harms_no_stream_of_http2(folder, clock, steps):
    with Http2Server(folder / "s0", env=clock.environment()) as server:
        step_under_load(server, clock, steps)


def test_a_stream_half_sent_is_timed_by_the_monotonic_clock(folder, clock):
    with Http2Server(folder / "s0", "--set", "http.request_timeout=3s",
                     env=clock.environment()) as server:
        with server.wire() as wire:
            buyer = server.login("user_1")
            stream = wire.next_stream()
            head = http2.block("POST", "/purchase/1",
                               [*buyer, ("content-type", "application/json"),
                                ("content-length", 14)])
            wire.send(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, head))
            time.sleep(0.2)
            clock.step_to(30)
            time.sleep(1.3)
            wire.send(http2.frame(http2.DATA, http2.END_STREAM, stream, b'{"quantity":1}'))
            assert wire.answer(stream).status == 200


def open_connections(server):
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    return next(int(line.split()[1]) for line in text.splitlines()
                if line.startswith("flashsale_connections_open "))


def test_an_answer_that_h2o_times_ends_after_a_step_back(make_server, clock):
    """After a body that is too large, h2o's timer of 1 s ends the connection."""
    server = make_server(env=clock.environment()).start()
    with server.wire() as wire:
        wire.send(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
        assert wire.answer().status == 413
        clock.step_to(-3600)
        limit = time.monotonic() + 6 * slowness()
        while open_connections(server) > 0:
            assert time.monotonic() < limit, "the connection is kept"
            time.sleep(0.1)


def test_date_and_logs_follow_the_wall_clock(make_server, clock, folder):
    path = folder / "access.log"
    server = make_server("--set", f"http.access_log={path}", "--log-format", "json",
                         env=clock.environment()).start()
    for offset in (0, -3600, 7200):
        clock.step_to(offset)
        time.sleep(0.05)
        with server.wire() as wire:
            date = wire.ask("GET", "/inventory/1").get("date")
        shown = email.utils.parsedate_to_datetime(date).timestamp()
        assert abs(shown - time.time() - offset) < 3 * slowness(), (date, offset)
    server.stop()
    hours = [json.loads(line)["time"][11:13] for line in path.read_text().splitlines()]
    wanted = [time.strftime("%H", time.gmtime(time.time() + offset)) for offset in (0, -3600, 7200)]
    assert hours == wanted
