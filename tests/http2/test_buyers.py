"""A sale over HTTP/2: exactly what is there is sold, clients may leave at any byte, and a server that
stops loses nothing that it has said it would do."""
import asyncio
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

import flashsale
import http1
import http2
from flashsale import PASSWORD, slowness
from history import History
from http2_server import Http2Server, make_certificate
from load import JSON, Buyers, settle

PER_CONNECTION = 50
IN_CI = 800 if flashsale.sanitizer() == "thread" else 2_000
ABORTED = flashsale.sized(IN_CI, 100_000)  # requests, four to a connection


@pytest.fixture(name="server")
def fixture_server(folder):
    one = Http2Server(folder / "s").start()
    yield one
    one.close()


class Http2Buyers(Buyers):
    async def login(self, names, at_once=50):
        wire = await http2.AsyncWire(self.server.address, self.server.context).connect()
        gate = asyncio.Semaphore(at_once)

        async def one(name):
            async with gate:
                body = b'{"username":"%s","password":"%s"}' % (name.encode(), PASSWORD.encode())
                answer = await wire.ask("POST", "/login", [JSON], body)
                assert answer.status == 200, f"log-in of {name}: {answer}"
                self.tokens[name] = answer.json()["access_token"]

        await asyncio.gather(*map(one, names))
        wire.close()


async def connect(server, count):
    wires = [http2.AsyncWire(server.address, server.context) for _ in range(count)]
    return await asyncio.gather(*(wire.connect() for wire in wires))


@pytest.mark.limit(60)
async def test_a_thousand_buyers_for_a_hundred_units_get_a_hundred_and_no_more(server):
    history = History()
    buyers = Http2Buyers(server, history)
    names = [f"user_{n}" for n in range(1, 1001)]
    await buyers.login(names)
    wires = await connect(server, len(names) // PER_CONNECTION)
    await asyncio.gather(*(buyers.buy(wires[n % len(wires)], name, "2")
                           for n, name in enumerate(names)))
    assert history.counts() == {(200, None): 100, (400, "sold_out"): 900}
    assert server.stock("2") == 0
    assert history.units_sold("2") == 100 and history.duplicate_orders() == {}
    assert history.wrong_refusals("2", 100) == []
    assert server.audit("2")["units_sold"] == 100
    for wire in wires:
        wire.close()


def test_h2load_and_curl_are_served(server):
    url = f"https://localhost:{server.address[1]}/inventory/1"
    done = subprocess.run(["curl", "-sS", "--http2", "--max-time", "10", "--cacert",
                           server.certificate, "-w", " %{http_version}", url],
                          capture_output=True, text=True, timeout=30, check=False)
    assert '"stock":100' in done.stdout and done.stdout.endswith(" 2"), done
    done = subprocess.run(["h2load", "-n", "2000", "-c", "4", "-m", "100", url],
                          capture_output=True, text=True, timeout=60, check=False)
    assert "2000 succeeded, 0 failed" in done.stdout, done.stdout + done.stderr


def cut(server, head, rng):
    """Four purchases on one connection, which ends at any byte, in one of the ways a client ends."""
    whole = http2.PREFACE + http2.settings() + b"".join(
        http2.request(n, "POST", "/purchase/cut", head, b'{"quantity":1}') for n in (1, 3, 5, 7))
    with http2.Wire(server.address, 10 * slowness(), server.context, start=False) as wire:
        way = rng.randrange(4)
        wire.send(whole[:rng.randrange(len(whole) + 1)])
        if way == 0:
            time.sleep(rng.random() / 500)
        elif way == 1:
            wire.sock.settimeout(0.002)
            try:
                wire.sock.recv(rng.randrange(1, 400))
            except (TimeoutError, ssl.SSLError, OSError):
                pass
        elif way == 2:
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            try:
                wire.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass


@pytest.mark.limit(3600 if flashsale.nightly() else 60)
def test_a_client_may_leave_at_any_byte(server, rng):
    server.sale("cut", stock=1_000_000, per_user_max=1_000_000)
    head = server.login("user_1")
    for _ in range(ABORTED // 4):
        cut(server, head, rng)
    limit = time.monotonic() + 10 * slowness()
    while server.metric("flashsale_connections_open") > 0:
        assert time.monotonic() < limit, "a connection stays"
        time.sleep(0.05)
    terms = server.audit("cut")
    print(f"{ABORTED} requests on {ABORTED // 4} connections, {terms['units_sold']} sold")
    assert 0 < terms["units_sold"] <= ABORTED
    with server.wire() as wire:
        assert wire.ask("POST", "/purchase/cut", head, b'{"quantity":1}').status == 200
    assert server.stop() == 0


class Rush:
    """Buyers that buy again and again; polite ones stop when they are told that the server goes."""

    def __init__(self, buyers, wires, is_polite):
        self.buyers = buyers
        self.wires = wires
        self.is_polite = is_polite
        self.count = 0

    async def run(self):
        await asyncio.gather(*(self.buy(wire, name) for n, wire in enumerate(self.wires)
                               for name in list(self.buyers.tokens)[n::len(self.wires)]))

    async def buy(self, wire, name):
        while not wire.ended and not (self.is_polite and wire.parser.goaways):
            self.count += 1
            operation = await self.buyers.buy(wire, name, "1", 1, f"k-{self.count}")
            if operation.status == 503:
                await asyncio.sleep(0.01)


async def stop_in_a_rush(server, is_polite):
    history = History()
    buyers = Http2Buyers(server, history)
    server.sale("1", stock=1_000_000, per_user_max=1_000_000, reset=True)
    await buyers.login([f"user_{n}" for n in range(1, 41)])
    wires = await connect(server, 4)
    rush = asyncio.create_task(Rush(buyers, wires, is_polite).run())
    await asyncio.sleep(0.4 * slowness())
    while len(history.sold()) <= 20 * len(wires):
        await asyncio.sleep(0.01)
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    while server.is_running():
        await asyncio.sleep(0.01)
    took = time.monotonic() - begun
    await asyncio.wait_for(rush, 10 * slowness())
    assert server.wait(5) == 0
    server.check()
    return history, buyers, wires, took


async def check_nothing_lost(server, history, buyers):
    """Asked again, over HTTP/1.1, of a server on the same data."""
    again = flashsale.Server(server.folder).start()
    try:
        buyers.server = again
        assert len(history.sold()) > 20
        assert await settle(buyers, history.operations) == []
        again.audit("1")
    finally:
        again.close()


@pytest.mark.limit(60)
async def test_a_server_that_stops_answers_what_it_has_taken_and_loses_nothing(server):
    history, buyers, wires, took = await stop_in_a_rush(server, True)
    print(f"stopped in {took:.2f} s, {len(history.sold())} sold")
    assert took < 3 * slowness(), "polite clients are no reason to wait"
    for wire in wires:
        assert wire.parser.goaways[0][0] == 0x7fffffff, "no notice was given"
        assert wire.unanswered == [], "a client that heeds the notice lost a request"
        assert {code for _, code, _ in wire.parser.goaways} == {0}
    await check_nothing_lost(server, history, buyers)


@pytest.mark.limit(60)
async def test_clients_that_do_not_listen_cannot_hold_the_server_and_lose_nothing(folder):
    server = Http2Server(folder / "s", config=f"shutdown_timeout: {round(2 * slowness())}s\n").start()
    try:
        history, buyers, wires, took = await stop_in_a_rush(server, False)
        print(f"stopped in {took:.2f} s, {len(history.sold())} sold, {history.counts()}")
        assert took < 8 * slowness()
        for wire in wires:
            last = min(goaway[0] for goaway in wire.parser.goaways)
            assert last < 0x7fffffff, "the last stream was not told"
            assert wire.lost() == []
        late = {code for (status, code) in history.counts() if status == 503}
        assert late == {"not_ready"}
        await check_nothing_lost(server, history, buyers)
    finally:
        server.close()


def test_a_request_under_way_is_answered_before_the_end(server):
    buyer = server.login("user_1")
    with server.wire() as wire, server.wire() as idle:
        assert idle.ask("GET", "/inventory/1").status == 200
        wire.send(http2.frame(http2.HEADERS, http2.END_HEADERS, 1,
                              http2.block("POST", "/purchase/1", buyer)))
        assert http1.was_read(wire.sock, 20 * slowness())
        server.signal(signal.SIGTERM)
        assert idle.to_end()[:2] == (1, 0)
        while len(wire.parser.goaways) < 2:
            wire.read()
        wire.send(http2.frame(http2.HEADERS, http2.END_STREAM, 3, http2.block("GET", "/inventory/1"))
                  + http2.frame(http2.CONTINUATION, http2.END_HEADERS, 3, b""))
        assert wire.answer(3).status == 503, "a stream behind the last was served"
        wire.send(http2.frame(http2.DATA, http2.END_STREAM, 1, b'{"quantity":1}'))
        assert wire.answer(1).status == 200
        assert [goaway[:2] for goaway in wire.parser.goaways] == [(0x7fffffff, 0), (1, 0)]
    assert server.wait(5) == 0
    server.check()


def test_a_new_certificate_is_for_connections_to_come(server):
    def serial(wire):
        return wire.sock.getpeercert(binary_form=True)

    old = server.wire()
    assert old.ask("GET", "/inventory/1").status == 200
    shown = serial(old)
    waiting = http1.connect(server.address)  # took the old one, and says hello later
    make_certificate(server.folder)
    server.context = http2.client_context()
    before = len(server.output())
    server.signal(signal.SIGHUP)
    limit = time.monotonic() + 10 * slowness()
    while not re.search("reloaded|changed nothing", server.output()[before:]):
        assert time.monotonic() < limit, server.log()
        time.sleep(0.02)
    with server.wire() as new:
        assert new.ask("GET", "/inventory/1").status == 200
        assert serial(new) != shown
    assert old.ask("GET", "/inventory/1").status == 200
    late = server.context.wrap_socket(waiting, server_hostname="localhost")
    assert late.selected_alpn_protocol() == "h2"
    late.close()
    server.key.write_text("no key")
    before = len(server.output())
    server.signal(signal.SIGHUP)
    while "changed nothing" not in server.output()[before:]:
        assert time.monotonic() < limit, server.log()
        time.sleep(0.02)
    with server.wire() as new:
        assert new.ask("GET", "/inventory/1").status == 200
    old.close()
