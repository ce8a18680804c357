"""Stopping: in time, truly, and at once when told twice."""
import os
import pathlib
import signal
import socket
import time

import pytest

from flashsale import sized, slowness
from http1 import Ended, Wire, request_bytes, was_read
from redis_server import is_alive

BODY = b'{"quantity":1}'


def until(holds, what, limit_s=20.0):
    limit = time.monotonic() + limit_s * slowness()
    while not holds():
        assert time.monotonic() < limit, f"not within {limit_s} s: {what}"
        time.sleep(0.005)


def wait_for_log(server, text):
    until(lambda: text in server.output(), f"{text!r} is in the log")


def is_refused(ask):
    try:
        ask()
    except (OSError, Ended):
        return True
    return False


def catches(pid, number):
    """True when a process has a handler for a signal, or has it blocked to wait for it."""
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    return any(int(status[name], 16) >> (number - 1) & 1 for name in ("SigCgt", "SigBlk"))


def half_sent(server, buyer):
    """A connection with a purchase of which the last bytes are missing."""
    wire = server.wire()
    wire.ask("GET", "/inventory/1")
    whole = request_bytes("POST", "/purchase/1", buyer, BODY)
    wire.send(whole[:-5])
    assert was_read(wire.sock, 20 * slowness())
    return wire, whole[-5:]


def test_an_idle_server_with_idle_clients_stops_with_0(server):
    wires = [server.wire() for _ in range(20)]
    for wire in wires[:10]:
        wire.ask("GET", "/inventory/1")
    begun = time.monotonic()
    assert server.stop() == 0
    print(f"stopped after {time.monotonic() - begun:.3f} s")
    assert time.monotonic() - begun < 3 * slowness(), "idle connections are no reason to wait"
    assert all(wire.is_ended(2) for wire in wires)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_end(server, number):
    wire, rest = half_sent(server, server.login("user_1"))
    server.signal(number)
    wait_for_log(server, "stopping")
    time.sleep(0.3)
    wire.send(rest)
    answer = wire.answer()
    assert answer.status == 200, answer
    assert server.wait(12) == 0
    server.check()


def test_a_stopping_server_is_not_ready_and_takes_no_connection(server):
    wire, rest = half_sent(server, server.login("user_1"))
    assert server.admin_ask("GET", "/readyz", token="").status == 200
    server.signal(signal.SIGTERM)
    wait_for_log(server, "stopping")
    until(lambda: is_refused(lambda: server.ask("GET", "/inventory/1")), "it takes connections")
    try:
        assert server.admin_ask("GET", "/readyz", token="").status == 503
    except (OSError, Ended):
        pass  # the admin listener is closed already: not ready as well
    wire.send(rest)
    assert server.wait(12) == 0


@pytest.mark.limit(40)
def test_a_client_that_never_finishes_cannot_hold_the_server(server):
    wire, _ = half_sent(server, server.login("user_1"))
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    code = server.wait(12)
    print(f"stopped with {code} after {time.monotonic() - begun:.2f} s")
    assert code in (0, 1)
    wire.close()


def test_what_is_cut_is_told_and_nothing_else_is_cut(make_server):
    server = make_server("--set", "shutdown_timeout=1s").start()
    wires = [half_sent(server, server.login("user_1"))[0] for _ in range(3)]
    with Wire(server.admin) as idle:
        idle.ask("GET", "/livez")
        assert server.stop() == 0
    told = [line for line in server.log().splitlines() if "are cut" in line]
    assert len(told) == 1 and ": 3 connection(s) are cut" in told[0], told
    for wire in wires:
        wire.close()


def test_a_second_sigterm_stops_at_once(server, stalls):
    wires = [half_sent(server, server.login("user_1"))[0] for _ in range(3)]
    server.signal(signal.SIGTERM)
    wait_for_log(server, "stopping")
    time.sleep(0.5)
    assert server.is_running(), "the first signal cut a request under way"
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    server.wait(5)
    ended = time.monotonic()
    assert ended - begun - stalls.between(begun, ended) < 1.0 * slowness()
    server.check()
    for wire in wires:
        wire.close()


def test_a_second_sigterm_waits_for_no_redis_that_hangs(make_server):
    """A private redis-server that stands still would be waited for, for 10 s."""
    server = make_server(strategy_name="v3").start()
    server.buy("1", server.login("user_1"))
    redis = [int(pid) for pid in _descendants(server.pid)
             if "redis-server" in pathlib.Path(f"/proc/{pid}/comm").read_text()]
    assert redis, "no private redis-server was found"
    for pid in redis:
        os.kill(pid, signal.SIGSTOP)
    server.signal(signal.SIGTERM)
    wait_for_log(server, "stopping")
    time.sleep(3)
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    server.wait(8)
    assert time.monotonic() - begun < 5.0 * slowness(), server.log()
    until(lambda: not any(is_alive(pid) for pid in redis), "the redis-servers end")


def _descendants(pid):
    """All processes below pid, children of every thread."""
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child)] + _descendants(int(child))
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_breaks_a_start_off(make_server, number):
    """Nobody answers on port 1: the start would wait for half a minute."""
    server = make_server("--redis", "redis://127.0.0.1:1", "--set", "redis.start_timeout=30s",
                         strategy_name="v3").spawn()
    until(lambda: catches(server.pid, number), "the program has taken over its signals")
    time.sleep(0.3)
    assert server.is_running(), server.log()
    begun = time.monotonic()
    server.signal(number)
    assert server.wait(3) == 0, server.log()
    print(f"ended after {time.monotonic() - begun:.3f} s")
    server.check()


def test_after_a_stop_the_orders_and_stocks_are_still_there(make_server):
    server = make_server().start()
    buyer = server.login("user_1")
    order = server.buy("1", buyer, 2, key="k-1")
    server.sale("mine", stock=7, per_user_max=3)
    server.stop()
    server.start()
    assert server.stock("1") == 98
    assert server.stock("mine") == 7
    found = server.ask("GET", f"/orders/{order.json()['order_id']}", buyer)
    assert found.status == 200 and found.json()["quantity"] == 2, "the token or the order is gone"
    again = server.buy("1", buyer, 2, key="k-1")
    assert again.body == order.body and again.get("idempotency-replayed") == "true"
    assert server.buy("mine", buyer, 4).status == 409, "the sale's limit is gone"


def test_the_admin_token_stays_and_is_private(make_server):
    server = make_server().start()
    token = server.admin_token()
    assert server.token_file.stat().st_mode & 0o777 == 0o600
    assert len(token) >= 32
    secrets = [p for p in server.data_dir.iterdir() if p.is_file()]
    loose = [p.name for p in secrets if p.stat().st_mode & 0o077]
    assert not loose, f"others can read {loose}"
    server.stop()
    server.start()
    assert server.admin_token() == token


@pytest.mark.limit(sized(60, 600))
def test_a_client_that_leaves_amid_its_request_harms_nobody(server, rng):
    buyer = server.login("user_1")
    server.sale("left", stock=100_000)
    whole = request_bytes("POST", "/purchase/left", buyer, BODY)
    for _ in range(sized(1000, 100_000)):
        wire = server.wire()
        wire.send(whole[:rng.randrange(1, len(whole) + 1)])
        if rng.random() < 0.5:
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.close()
    assert server.buy("left", buyer).status == 200
    server.audit("left")


def test_a_shutdown_delay_serves_on_and_is_not_ready(make_server):
    server = make_server("--set", "shutdown_delay=3s", "--set", "http.health=true").start()
    buyer = server.login("user_1")
    server.signal(signal.SIGTERM)
    begun = time.monotonic()
    until(lambda: server.ask("GET", "/readyz").status == 503, "not ready")
    assert server.admin_ask("GET", "/readyz", token="").status == 503
    assert server.buy("1", buyer).status == 200, "a new connection is served"
    assert server.wait(12) == 0
    assert time.monotonic() - begun > 2.5


def test_a_second_sigterm_skips_the_shutdown_delay_and_cuts_nothing(make_server):
    server = make_server("--set", "shutdown_delay=60s").start()
    wire, rest = half_sent(server, server.login("user_1"))
    server.signal(signal.SIGTERM)
    wait_for_log(server, "still served")
    server.signal(signal.SIGTERM)
    until(lambda: is_refused(lambda: server.ask("GET", "/inventory/1")), "the drain has begun")
    wire.send(rest)
    assert wire.answer().status == 200
    assert server.wait(12) == 0
