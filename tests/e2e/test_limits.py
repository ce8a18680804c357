"""Limits: connections, slow clients, a full server.  Who behaves goes on buying."""
import multiprocessing
import os
import signal
import socket
import threading
import time

import pytest

from flashsale import sanitizer, sized, slowness
from http1 import Ended, Wire, request_bytes

BODY = b'{"quantity":1}'


def serves(server):
    """True when a new connection is answered."""
    try:
        with Wire(server.address, 1.0 * slowness()) as wire:
            return wire.ask("GET", "/inventory/1").status == 200
    except (OSError, Ended):
        return False


def wait_until(holds, seconds):
    limit = time.monotonic() + seconds * slowness()
    while not holds():
        assert time.monotonic() < limit, f"not within {seconds} s"
        time.sleep(0.05)


def opened(server, count):
    """count connections that have been used once, or fewer where the server refused."""
    wires = []
    for _ in range(count):
        try:
            wire = Wire(server.address, 1.0 * slowness())
            if wire.ask("GET", "/inventory/1").status == 200:
                wires.append(wire)
        except (OSError, Ended):
            pass
    return wires


def test_connections_over_the_limit_are_refused_and_old_ones_served(make_server):
    server = make_server("--set", "http.connections_max=20", "--workers", "2").start()
    wires = opened(server, 40)
    assert len(wires) <= 20, f"{len(wires)} connections of at most 20"
    assert len(wires) >= 16, f"only {len(wires)} connections of 20"
    assert all(wire.ask("GET", "/inventory/1").status == 200 for wire in wires)
    assert server.admin_ask("GET", "/livez", token="").status == 200
    for wire in wires:
        wire.close()
    wait_until(lambda: serves(server), 3)


def test_connections_of_one_address_are_limited(make_server):
    server = make_server("--set", "http.connections_per_address_max=8").start()
    wires = opened(server, 20)
    assert len(wires) <= 8
    assert len(wires) >= 6
    other = socket.create_connection(server.address, 5, source_address=("127.0.0.2", 0))
    with Wire(None, sock=other) as wire:
        assert wire.ask("GET", "/inventory/1").status == 200, "another address is shut out"
    for wire in wires:
        wire.close()
    wait_until(lambda: serves(server), 3)


@pytest.mark.limit(120)
def test_five_thousand_idle_connections_are_no_burden(server):
    count = sized(2000, 5000)
    before = resident_kib(server.pid)
    wires = [server.wire() for _ in range(count)]
    assert wires[0].ask("GET", "/inventory/1").status == 200
    assert wires[-1].ask("GET", "/inventory/1").status == 200
    grown = resident_kib(server.pid) - before
    print(f"{count} connections: {grown} KiB more")
    assert serves(server)
    for wire in wires:
        wire.close()
    wait_until(lambda: descriptors(server.pid) < 200, 15)


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.parametrize("part", ["nothing", "a head", "a body", "drips"])
def test_a_slow_sender_is_ended_within_the_request_timeout(make_server, part):
    server = make_server("--set", "http.request_timeout=1s", "--set",
                         "http.idle_timeout=1s").start()
    buyer = server.login("user_1")
    whole = request_bytes("POST", "/purchase/1", buyer, BODY)
    sent = {"nothing": 0, "a head": 30, "a body": len(whole) - 4, "drips": 10}[part]
    with server.wire() as wire:
        begun = time.monotonic()
        wire.send(whole[:sent])
        if part == "drips":
            drip(wire, whole[sent:], begun + 6)
        wire.sock.settimeout(6 * slowness())
        answers = wire.answers_to_end()
        took = time.monotonic() - begun
    print(f"{part}: ended after {took:.2f} s with {answers}")
    assert took < 4 * slowness()
    assert all(a.status in (400, 408) for a in answers)
    assert server.stock("1") == 100


def drip(wire, data, until):
    for at in range(len(data)):
        if time.monotonic() > until:
            return
        try:
            wire.send(data[at:at + 1])
        except OSError:
            return
        time.sleep(0.1)


class Crowd:
    """Bad clients of one kind, in a process of their own, that come back as often as they are
    ended."""

    def __init__(self, server, count, first, drip_bytes=b"", reads=True):
        self.server, self.count = server, count
        self.first, self.drip_bytes, self.reads = first, drip_bytes, reads
        self.ended = 0
        fork = multiprocessing.get_context("fork")
        self.stopped, self.result = fork.Event(), fork.SimpleQueue()
        self.process = fork.Process(target=self._run, daemon=True)

    def start(self):
        self.process.start()
        return self

    def stop(self):
        self.stopped.set()
        self.ended = self.result.get()
        self.process.join()

    def _run(self):
        socks = [None] * self.count
        while not self.stopped.is_set():
            for n, sock in enumerate(socks):
                socks[n] = self._turn(sock)
            self.stopped.wait(0.5)
        for sock in socks:
            if sock is not None:
                sock.close()
        self.result.put(self.ended)

    def _turn(self, sock):
        try:
            if sock is None:
                sock = socket.socket()
                if not self.reads:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                sock.settimeout(1)
                sock.connect(self.server.address)
                sock.setblocking(False)
                sock.send(self.first)
                return sock
            if self.drip_bytes:
                sock.send(self.drip_bytes)
            if self.reads and sock.recv(65536) == b"":
                raise ConnectionResetError
            return sock
        except BlockingIOError:
            return sock
        except OSError:
            self.ended += 1
            sock.close()
            return None


PAUSE_S = 0.005


def goodput(shops, seconds, threads=4):
    """Answers per second at each of shops, (server, buyer), of clients that pause 5 ms between purchases;
    all must be 200.  They buy at one shop after the other, so that each has the same machine."""
    spent, counts, problems = [[0.0] * len(shops) for _ in range(threads)], [0] * threads, []
    until = time.monotonic() + seconds

    def shop(number):
        try:
            wires = [server.wire() for server, _ in shops]
            while time.monotonic() < until:
                for at, (wire, (_, buyer)) in enumerate(zip(wires, shops)):
                    begun = time.monotonic()
                    answer = wire.ask("POST", "/purchase/good", buyer, BODY)
                    spent[number][at] += time.monotonic() - begun
                    assert answer.status == 200, answer
                    time.sleep(PAUSE_S)
                counts[number] += 1
            for wire in wires:
                wire.close()
        except (OSError, AssertionError) as problem:
            problems.append(repr(problem))

    shoppers = [threading.Thread(target=shop, args=(n,)) for n in range(threads)]
    for thread in shoppers:
        thread.start()
    for thread in shoppers:
        thread.join()
    assert not problems, problems
    return [threads * sum(counts) / (sum(at_one) + PAUSE_S * sum(counts)) for at_one in zip(*spent)]


@pytest.mark.limit(sized(90, 300))
def test_slow_clients_leave_the_others_nine_tenths(make_server):
    flags = ["--set", "http.request_timeout=3s", "--set", "http.idle_timeout=3s",
             "--set", "http.slow_reader_timeout=3s"]
    server, other = (make_server(*flags).start() for _ in range(2))
    for one in (server, other):
        one.sale("good", stock=10_000_000)
    buyer = server.login("user_1")
    heads, bodies, readers, seconds = sized((100, 100, 50, 15), (1000, 1000, 500, 60))
    whole = request_bytes("POST", "/purchase/good", buyer, BODY)
    looks = request_bytes("GET", "/inventory/good", []) * 200
    crowds = [Crowd(server, heads, whole[:20], b"a").start(),
              Crowd(server, bodies, whole[:-8], b" ").start(),
              Crowd(server, readers, looks, b"\r\n", reads=False).start()]  # sees its end by sending
    shops = [(server, buyer), (other, other.login("user_1"))]
    share = 0.9 if sanitizer() is None else 0.5
    for _ in range(3):  # of a machine that is full, what slow clients cost takes more than its share
        beside, calm = goodput(shops, seconds)
        if beside >= share * calm:
            break
    for crowd in crowds:
        crowd.stop()
    ended = [crowd.ended for crowd in crowds]
    print(f"{heads} slow heads, {bodies} slow bodies, {readers} slow readers, {seconds} s:"
          f" {beside:.0f} purchases/s beside them, {calm:.0f} at a server without; ended {ended}")
    assert beside >= share * calm
    assert ended[0] >= heads and ended[1] >= bodies, f"slow senders are not ended: {ended}"
    assert ended[2] >= readers, f"slow readers are not ended: {ended}"
    wait_until(lambda: descriptors(server.pid) < 200, 15)
    server.audit("good")


def test_more_purchases_than_in_flight_are_answered_busy_and_take_nothing(make_server):
    server = make_server("--set", "purchase.in_flight_max=4", "--workers", "1").start()
    server.sale("full", stock=100_000)
    buyer = server.login("user_1")
    with server.wire() as wire:
        wire.send(request_bytes("POST", "/purchase/full", buyer, BODY) * 400)
        answers = [wire.answer() for _ in range(400)]
    wires = [server.wire() for _ in range(100)]
    server.signal(signal.SIGSTOP)  # so that it finds all of them at once
    for wire in wires:
        wire.send(request_bytes("POST", "/purchase/full", buyer, BODY))
    server.signal(signal.SIGCONT)
    answers += [wire.answer() for wire in wires]
    for wire in wires:
        wire.close()
    sold = sum(a.status == 200 for a in answers)
    busy = [a for a in answers if a.status == 503]
    print(f"{sold} sold, {len(busy)} busy")
    assert busy, "a hundred at once were not more than four"
    assert sold + len(busy) == len(answers), {a.status for a in answers}
    for answer in busy:
        assert answer.code == "busy" and answer.get("retry-after"), answer
    assert server.stock("full") == 100_000 - sold
    server.audit("full")
