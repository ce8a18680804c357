"""Requests changed at random: nothing crashes, no answer is garbage, and good clients do not notice.

FS_SEED replays a run; a failure names the worker's seed and the number of the request.
"""
import queue
import random
import threading
import time

import pytest

from flashsale import sized, slowness
from http1 import Ended, Garbage, Wire, request_bytes

WORDS = [b"\r\n", b"\n", b"\r", b"\x00", b" ", b":", b"\t", b"\r\n ", b"\r\n\r\n",
         b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n",
         b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: \r\n", b"Connection: close\r\n",
         b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"Host: x\r\n",
         b"Authorization: Bearer x\r\n", b"Idempotency-Key: k\r\n", b"X-Request-Id: \xff\r\n",
         b"HTTP/1.0", b"HTTP/2.0", b"%00", b"%2e%2e/", b"/../", b"{", b"}", b'"', b"[" * 300,
         b"-1", b"1e309", b"18446744073709551616", b"\xff\xfe", b"ffffffffffffffff\r\n",
         b"0\r\n\r\n", b"A" * 5000]


def mutated(rng, bases):
    data = bytearray(rng.choice(bases))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        upto = min(len(data), at + rng.choice((1, 1, 2, 4, 16, 64)))
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = rng.choice(WORDS)
        elif kind == 2:
            del data[at:upto]
        elif kind == 3:
            data[at:at] = data[at:upto] * rng.choice((1, 2, 50))
        elif kind == 4:
            data[at:upto] = rng.choice(WORDS)
        elif kind == 5:
            data[at:upto] = bytes(rng.randrange(256) for _ in range(upto - at))
        else:
            data[at:] = rng.choice(bases)
    return bytes(data) if rng.random() < 0.9 else bytes(data[:rng.randrange(len(data) + 1)])


def attack(server, seed, count, bases, problems):
    rng = random.Random(seed)
    for number in range(count):
        data = mutated(rng, bases)
        half_close = rng.random() < 0.5
        try:
            one(server, data, half_close)
        except AssertionError as problem:
            problems.put(f"worker seed {seed}, request {number}, {data[:400]!r}: {problem}")
            return
        except ConnectionRefusedError:
            problems.put(f"worker seed {seed}, request {number}: the server is gone")
            return


def one(server, data, half_close):
    """Sends data and reads whatever comes; all of it must be answers."""
    with Wire(server.address, 5 * slowness() if half_close else 0.003) as wire:
        try:
            wire.send(data)
            if half_close:
                wire.sock.shutdown(1)
            while True:
                wire.answer()
        except Ended:
            pass
        except TimeoutError:
            assert not half_close, "neither answered nor ended after the client's end"
        except Garbage as problem:
            # An answer to a HEAD has no body, which the reader of a changed method cannot know.
            if b"HEAD" not in data:
                raise
            del problem
        except OSError:
            pass  # reset amid the sending


def shop(server, buyer, latencies, problems, stopped):
    """A good client: buys one unit after another on a connection that stays."""
    with server.wire() as wire:
        while not stopped.is_set():
            begun = time.monotonic()
            try:
                answer = wire.ask("POST", "/purchase/good", buyer, b'{"quantity":1}')
            except (Ended, OSError, AssertionError) as problem:
                problems.put(f"a good client: {problem!r}")
                return
            latencies.append(time.monotonic() - begun)
            if answer.status != 200:
                problems.put(f"a good client: {answer}")
                return
            stopped.wait(0.005)


@pytest.mark.limit(sized(120, 1200))
def test_random_mutations_crash_nothing_and_confuse_nobody(server, seed):
    total, workers = sized(20_000, 100_000), 4
    server.sale("good", stock=10_000_000)
    server.sale("prey", stock=10_000_000)
    good, prey = server.login("user_1"), server.login("user_2")
    order = server.buy("prey", prey).json()["order_id"]
    bases = base_requests(prey, order)
    problems, latencies, stopped = queue.Queue(), [], threading.Event()
    shopper = threading.Thread(target=shop, args=(server, good, latencies, problems, stopped))
    attackers = [threading.Thread(target=attack, args=(server, seed + n, total // workers, bases,
                                                       problems)) for n in range(workers)]
    begun = time.monotonic()
    for thread in [shopper, *attackers]:
        thread.start()
    for thread in attackers:
        thread.join()
    stopped.set()
    shopper.join()
    latencies.sort()
    p99_ms = 1000 * latencies[len(latencies) * 99 // 100]
    print(f"{total} mutations in {time.monotonic() - begun:.1f} s; a good client bought"
          f" {len(latencies)} times, p99 {p99_ms:.1f} ms")
    assert problems.empty(), problems.get()
    assert server.is_running(), server.log()
    assert len(latencies) > 100
    terms = server.audit("good")
    assert terms.get("units_sold", terms.get("sold")) == len(latencies)
    server.audit("prey")
    server.stop()


def base_requests(buyer, order):
    """Valid requests of every kind, to be changed."""
    key = [("Idempotency-Key", "k-1"), ("X-Request-Id", "r-1")]
    chunked = request_bytes("POST", "/purchase/prey", buyer + [("Transfer-Encoding", "chunked")])
    return [
        request_bytes("POST", "/purchase/prey", buyer, b'{"quantity":1}'),
        request_bytes("POST", "/purchase/prey", buyer + key, b'{"quantity":2}'),
        chunked + b"7\r\n" + b'{"quant' + b"\r\n7\r\n" + b'ity":1}' + b"\r\n0\r\n\r\n",
        request_bytes("GET", "/inventory/prey", []),
        request_bytes("GET", f"/orders/{order}", buyer),
        request_bytes("DELETE", f"/orders/{order}", buyer),
        request_bytes("POST", "/login", [], b'{"username":"user_3","password":"password123"}'),
        request_bytes("GET", "/inventory/prey", []) * 5,
    ]
