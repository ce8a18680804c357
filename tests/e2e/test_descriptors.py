"""Out of descriptors: connections are refused first; journal, health and operators go on."""
import os
import resource
import socket
import threading
import time

import pytest

import flashsale
from flashsale import slowness, strategy
from http1 import Ended, Wire

SMALL = "strategy_options.segment_size=64KiB"  # the least that v1 takes


class Limited(flashsale.Server):
    """A server that may open few files, soft and hard."""
    descriptors = 256

    def command(self):
        count = self.descriptors
        return ["prlimit", f"--nofile={count}:{count}", *super().command()]


@pytest.fixture
def limited(folder):
    servers = []

    def make(*flags, descriptors=256, **settings):
        one = Limited(folder / f"l{len(servers)}", *flags, **settings)
        one.descriptors = descriptors
        servers.append(one)
        return one

    yield make
    for one in servers:
        one.kill()


def rest(address, count):
    """count connections that say nothing; those that are refused are no matter."""
    socks = []
    for _ in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(address)
        except BlockingIOError:
            pass
        socks.append(sock)
    return socks


def metric(server, name):
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    return next(float(line.split()[1]) for line in text.splitlines()
                if line.startswith(name + " "))


@pytest.mark.skipif(strategy() != "v1", reason="its journal")
def test_under_full_load_the_journal_gets_its_next_file_and_health_answers(limited):
    server = limited("--set", SMALL, "--workers", "2").start()
    assert "http.connections_max is lowered from 10000 to " in server.output(), server.log()
    buyer = server.login("user_1")
    server.sale("many", stock=100_000)
    with server.wire() as wire:
        wire.ask("GET", "/inventory/many")
        crowd = rest(server.address, 400)
        time.sleep(0.5)
        begun = time.monotonic()
        assert server.admin_ask("GET", "/livez", token="").status == 200
        assert time.monotonic() - begun < 1.0 * slowness()
        request = (f"POST /purchase/many HTTP/1.1\r\nHost: a\r\nAuthorization: {buyer[0][1]}\r\n"
                   "Content-Length: 14\r\n\r\n{\"quantity\":1}").encode()
        sold = 0
        for _ in range(30):
            wire.send(request * 50)
            sold += sum(wire.answer().status == 200 for _ in range(50))
        assert sold == 1500
    files = [p.name for p in (server.data_dir / "v1").iterdir()]
    assert any(name.startswith("journal-") and "1." not in name for name in files), files
    assert metric(server, "flashsale_connections_refused_total") > 0
    assert metric(server, "flashsale_connections_max") < 256
    for sock in crowd:
        sock.close()
    assert server.stop() == 0


@pytest.mark.skipif(strategy() != "v1", reason="its journal")
def test_a_journal_without_a_descriptor_waits_for_one_and_the_process_lives(make_server):
    server = make_server("--set", SMALL, "--workers", "1").start()
    buyer = server.login("user_1")
    server.sale("many", stock=100_000)
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    with server.wire(timeout=20.0) as wire:
        wire.ask("GET", "/inventory/many")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, hard))
        request = (f"POST /purchase/many HTTP/1.1\r\nHost: a\r\nAuthorization: {buyer[0][1]}\r\n"
                   "Content-Length: 14\r\n\r\n{\"quantity\":1}").encode()
        wire.send(request * 1500)
        time.sleep(1.0)
        assert server.is_running(), server.log()
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        statuses = [wire.answer().status for _ in range(1500)]
        assert set(statuses) <= {200, 503, 504}, set(statuses)
        assert wire.ask("POST", "/purchase/many", buyer, b'{"quantity":1}').status == 200
    server.audit("many")


def test_a_limit_that_leaves_nothing_for_buyers_is_refused_with_a_way_out(limited):
    server = limited("--workers", "2", descriptors=128).spawn()
    assert server.wait_for_end_or_ready() == 1, server.log()
    assert "raise ulimit -n" in server.output(), server.log()


@pytest.mark.parametrize("said", [b"", b"GET /livez HTTP/1.1\r\nHost:"])
def test_health_answers_beside_waves_of_resting_admin_connections(server, said):
    stopped = threading.Event()
    problems = []

    def check():
        while not stopped.is_set():
            begun = time.monotonic()
            try:
                with Wire(server.admin, 5.0 * slowness()) as wire:
                    if wire.ask("GET", "/livez").status != 200:
                        problems.append("not 200")
            except (OSError, Ended) as problem:
                problems.append(repr(problem))
            if time.monotonic() - begun > 1.0 * slowness():
                problems.append(f"{time.monotonic() - begun:.2f} s")
            time.sleep(0.02)

    checker = threading.Thread(target=check)
    checker.start()
    socks = []
    for _ in range(3):
        for _ in range(300):
            sock = socket.create_connection(server.admin, 5.0 * slowness())
            if said:
                sock.send(said)
            socks.append(sock)
        time.sleep(0.3)
    stopped.set()
    checker.join()
    for sock in socks:
        sock.close()
    assert not problems, problems[:5]


def test_health_is_on_the_main_listener_only_where_it_is_wanted(make_server):
    plain = make_server().start()
    assert plain.ask("GET", "/livez").status == 404
    assert plain.ask("POST", "/readyz").status == 404
    server = make_server("--set", "http.health=true").start()
    assert server.ask("GET", "/livez").json() == {"status": "live"}
    answer = server.ask("GET", "/readyz?verbose")
    assert answer.status == 200 and answer.json() == {"status": "ready"}, answer
    assert server.ask("HEAD", "/readyz").status == 200
    assert server.ask("POST", "/livez").status == 405
    assert server.ask("GET", "/metrics").status == 404
