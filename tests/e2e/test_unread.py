"""What clients leave unread, and requests that they leave unfinished, hold little memory in all."""
import pathlib
import ssl
import threading
import time

import pytest

import http2
from flashsale import sanitizer, slowness
from http1 import Ended
from http2_server import Http2Server, rss_kb

GET = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"


def queued(port):
    """Bytes in the send queues of a port's connections."""
    total = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":
            total += int(fields[4].split(":")[0], 16)
    return total


def pour_without_reading(server, count, requests=200):
    wires = [server.wire() for _ in range(count)]
    for wire in wires:
        wire.sock.setblocking(False)
        try:
            wire.sock.send(GET * requests)
        except BlockingIOError:
            pass
    return wires


def p99(server, seconds=1.0):
    times = []
    with server.wire() as wire:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            begun = time.monotonic()
            assert wire.ask("GET", "/inventory/1").status == 200
            times.append(time.monotonic() - begun)
    return sorted(times)[int(len(times) * 0.99)]


def test_pipelined_answers_that_nobody_reads_hold_little_for_each_connection(server):
    alone = p99(server)
    wires = pour_without_reading(server, 100)
    time.sleep(0.5)
    held = queued(server.address[1])
    beside = p99(server)
    print(f"{held >> 10} KiB unread on 100 connections; p99 alone {alone * 1e3:.2f} ms, "
          f"beside {beside * 1e3:.2f} ms")
    assert held > 100 * 8192, "nothing was left unread, so this test proved nothing"
    assert held < 100 * 98304, f"{held >> 10} KiB"
    assert beside < max(2 * alone, 0.020) * slowness()
    # What is read is served on: no answer is lost or torn.
    wires[0].sock.settimeout(10 * slowness())
    bodies = {len(wires[0].answer().body) for _ in range(200)}
    assert len(bodies) == 1
    for wire in wires:
        wire.close()


def ended_unread(server):
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    return next(int(line.split()[1]) for line in text.splitlines()
                if line.startswith("flashsale_connections_unread_total "))


def test_unread_answers_beyond_the_limit_of_all_end_their_connections(make_server):
    server = make_server("--set", "http.unsent_max=256KiB").start()
    wires = pour_without_reading(server, 60)
    limit = time.monotonic() + 8 * slowness()
    while ended_unread(server) == 0 or queued(server.address[1]) > 256 << 10:
        assert time.monotonic() < limit, f"{queued(server.address[1]) >> 10} KiB are kept"
        time.sleep(0.2)
    with server.wire() as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
    for wire in wires:
        wire.close()


def bomb(wire, streams=100, references=94):
    """Requests whose headers name one long entry of the table again and again, without their bodies."""
    entry = http2.field("x-long", "v" * 3900, kept=True)
    for n in range(streams):
        head = http2.block("POST", "/purchase/1", [("content-length", 5)])
        head += entry if n == 0 else b""
        head += bytes([0x80 | 62]) * (references - (n == 0))
        wire.send(http2.frame(http2.HEADERS, http2.END_HEADERS, 2 * n + 1, head))


@pytest.mark.skipif(sanitizer() is not None, reason="it measures memory")
def test_unfinished_requests_of_http2_share_a_budget_and_give_it_back(folder):
    with Http2Server(folder / "s0", "--set", "http.http2_memory_max=8MiB") as server:
        before = rss_kb(server)
        good, stopped, problems = server.wire(), threading.Event(), []

        def buy():
            while not stopped.is_set():
                try:
                    begun = time.monotonic()
                    assert good.ask("GET", "/inventory/1").status == 200
                    if time.monotonic() - begun > 0.5 * slowness():
                        problems.append(time.monotonic() - begun)
                except (AssertionError, OSError, Ended) as problem:
                    problems.append(repr(problem))
                    return

        buyer = threading.Thread(target=buy)
        buyer.start()
        wires = []
        for _ in range(40):
            try:
                wires.append(server.wire())
                bomb(wires[-1])
            except (OSError, ssl.SSLError, Ended):
                pass
        time.sleep(0.3)
        grown = rss_kb(server) - before
        held = server.metric("flashsale_http2_held_bytes")
        stopped.set()
        buyer.join()
        print(f"40 connections of 100 unfinished requests: {grown} KiB more, {held:.0f} bytes charged")
        assert not problems, problems[:3]
        assert held <= 2 * (8 << 20)
        assert grown < 40 << 10, f"{grown} KiB"
        for wire in wires:
            wire.close()
        limit = time.monotonic() + 5 * slowness()
        while server.metric("flashsale_http2_held_bytes") > 65536:
            assert time.monotonic() < limit
            time.sleep(0.1)
