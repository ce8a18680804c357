"""Behind proxies: the client's own address counts, in limits and in the access log."""
import json
import random
import socket
import struct
import subprocess
import threading
import time

import pytest

from flashsale import slowness
from http1 import Ended, Wire


def log_in(wire, name, password, headers=()):
    body = json.dumps({"username": name, "password": password}).encode()
    return wire.ask("POST", "/login", headers, body).status


def test_wrong_logins_through_a_proxy_lock_out_their_client_alone(make_server):
    server = make_server("--set", "http.trusted_proxies=127.0.0.1",
                         "--set", "auth.login_failures_address_max=20").start()
    with server.wire() as wire:
        bad = [("X-Forwarded-For", "10.9.9.9, 203.0.113.7")]
        statuses = [log_in(wire, f"user_{n}", "wrong", bad) for n in range(40)]
        assert statuses.count(429) >= 19, statuses
        assert log_in(wire, "user_900", "password123", [("X-Forwarded-For", "203.0.113.8")]) == 200
        assert log_in(wire, "user_901", "password123", [("Forwarded", "for=203.0.113.7")]) == 429
        assert log_in(wire, "user_902", "password123") == 200


def test_a_stranger_cannot_choose_its_address(make_server, folder):
    path = folder / "access.log"
    server = make_server("--set", "http.trusted_proxies=10.0.0.0/8", "--log-format", "json",
                         "--set", f"http.access_log={path}").start()
    server.ask("GET", "/inventory/1", [("X-Forwarded-For", "203.0.113.7")])
    server.stop()
    assert json.loads(path.read_text().splitlines()[0])["peer"] == "127.0.0.1"


def v1(client):
    return f"PROXY TCP4 {client} 127.0.0.1 4711 80\r\n".encode()


def v2(client):
    return (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + socket.inet_aton(client) +
            socket.inet_aton("127.0.0.1") + struct.pack(">HH", 4711, 80))


@pytest.mark.parametrize("header", [v1, v2])
def test_a_proxy_header_names_the_client(make_server, folder, header):
    path = folder / "access.log"
    server = make_server("--set", "http.trusted_proxies=127.0.0.1", "--log-format", "json",
                         "--set", "http.proxy_protocol=true",
                         "--set", "http.connections_per_address_max=2",
                         "--set", f"http.access_log={path}").start()
    with server.wire() as wire:
        data = header("203.0.113.7")
        for n in range(len(data)):
            wire.send(data[n:n + 1])
        assert wire.ask("GET", "/inventory/1").status == 200
        with server.wire() as second, server.wire() as third, server.wire() as other:
            second.send(data + b"GET /inventory/1 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert second.answer().status == 200
            third.send(data)
            assert third.is_ended(5 * slowness()), "a third connection of one client"
            other.send(header("203.0.113.8"))
            assert other.ask("GET", "/inventory/1").status == 200
    server.stop()
    peers = [json.loads(line)["peer"] for line in path.read_text().splitlines()]
    assert peers == ["203.0.113.7", "203.0.113.7", "203.0.113.8"]


def test_without_a_proxy_header_or_from_a_stranger_nothing_is_served(make_server):
    server = make_server("--set", "http.trusted_proxies=127.0.0.1",
                         "--set", "http.proxy_protocol=true").start()
    with server.wire() as wire:
        wire.send(b"GET /inventory/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert wire.is_ended(5 * slowness())
    stranger = socket.create_connection(server.address, 5, source_address=("127.0.0.2", 0))
    with Wire(None, sock=stranger) as wire:
        try:
            wire.send(v1("203.0.113.7") + b"GET /inventory/1 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert wire.is_ended(5 * slowness())
        except (OSError, Ended):
            pass
    assert server.admin_ask("GET", "/livez", token="").status == 200


@pytest.mark.parametrize("flags, told", [
    (["http.proxy_protocol=true"], "needs 'http.trusted_proxies'"),
    (["http.trusted_proxies=10.1.2.3/8"], "did you mean 10.0.0.0/8"),
    (["http.trusted_proxies=ten"], "must be a network"),
    (["http.cors_origins=https://shop.example/"], "without a path")])
def test_what_cannot_be_meant_is_refused(make_server, flags, told):
    server = make_server(*[part for flag in flags for part in ("--set", flag)]).spawn()
    assert server.wait_for_end_or_ready() == 2
    assert told in server.output(), server.output()


def test_an_idle_connection_outlives_the_request_timeout_until_its_own(make_server):
    server = make_server("--set", "http.request_timeout=300ms",
                         "--set", "http.idle_timeout=3s").start()
    with server.wire() as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
        time.sleep(2.0)
        assert wire.ask("GET", "/inventory/1").status == 200
        begun = time.monotonic()
        assert wire.is_ended(10 * slowness())
        assert time.monotonic() - begun > 2.5


def test_a_shop_of_another_origin_may_ask(make_server):
    server = make_server("--set", "http.cors_origins=https://shop.example").start()
    shop = [("Origin", "https://shop.example")]
    with server.wire() as wire:
        answer = wire.ask("OPTIONS", "/purchase/1",
                          shop + [("Access-Control-Request-Method", "POST")])
        assert answer.status == 204, answer
        assert answer.get("access-control-allow-origin") == "https://shop.example"
        assert "POST" in answer.get("access-control-allow-methods")
        assert "Idempotency-Key" in answer.get("access-control-allow-headers")
        answer = wire.ask("GET", "/inventory/1", shop)
        assert answer.get("access-control-allow-origin") == "https://shop.example"
        assert answer.get("vary") == "Origin" and answer.get("access-control-expose-headers")
        assert answer.get("access-control-allow-credentials") is None
        other = wire.ask("GET", "/inventory/1", [("Origin", "https://evil.example")])
        assert other.get("access-control-allow-origin") is None and other.get("vary") == "Origin"
        failed = wire.ask("POST", "/purchase/1", shop, b"{}")
        assert failed.status == 401
        assert failed.get("access-control-allow-origin") == "https://shop.example"
    plain = make_server().start()
    assert plain.ask("GET", "/inventory/1", shop).get("access-control-allow-origin") is None


def test_every_address_takes_ipv4_too(make_server):
    server = make_server("--set", "auth.demo_anywhere=true", listen="[::]:0").start()
    port = server.address[1]
    for host in ("127.0.0.1", "::1"):
        with Wire((host, port)) as wire:
            assert wire.ask("GET", "/inventory/1").status == 200


def test_retry_after_differs_between_those_who_are_refused_at_once(make_server):
    server = make_server("--set", "auth.login_failures_max=1").start()
    with server.wire() as wire:
        log_in(wire, "user_1", "wrong")
        body = b'{"username":"user_1","password":"wrong"}'
        seconds = {wire.ask("POST", "/login", [], body).get("retry-after") for _ in range(30)}
    assert len(seconds) > 5, seconds


def test_a_good_address_logs_in_beside_a_flood_and_while_its_account_is_attacked(make_server, folder):
    users = folder / "users"
    users.write_text("")
    for name in ("ada", "bob"):
        subprocess.run(["htpasswd", "-bB", "-C", "10", str(users), name, "right"], check=True,
                       capture_output=True, timeout=30)
    users.chmod(0o600)
    server = make_server("--set", "http.trusted_proxies=127.0.0.1", "--set", "auth.login_queue=16",
                         config=f"auth:\n  mode: users\n  users_file: {users}\n").start()
    home, stranger = [("X-Forwarded-For", "192.0.2.1")], [("X-Forwarded-For", "203.0.113.9")]
    with server.wire(timeout=30) as wire:
        assert log_in(wire, "ada", "right", home) == 200
        for _ in range(21):
            log_in(wire, "ada", "wrong", stranger)
        assert log_in(wire, "ada", "right", stranger) == 429, "the account is limited"
        assert log_in(wire, "ada", "right", home) == 200, "and passes from where it was known"
    stopped = threading.Event()

    def flood():
        with server.wire(timeout=30) as wire:
            while not stopped.is_set():
                log_in(wire, f"nobody{random.random()}", "wrong", stranger)

    flooders = [threading.Thread(target=flood) for _ in range(40)]
    for one in flooders:
        one.start()
    with server.wire(timeout=30) as wire:
        statuses = [log_in(wire, "bob", "right", home) for _ in range(10)]
    stopped.set()
    for one in flooders:
        one.join()
    assert statuses == [200] * 10, statuses
