"""An idle server answers at once: no reply waits for a timer, another request, or a tick."""
import statistics
import time

import pytest

from flashsale import slowness

NOBODY = "a" * 32
MEDIAN_S = 0.02
ASKED = 15

# name: (method, path, body); %O is an order of the buyer, %C one that was cancelled
REQUESTS = {
    "stock": ("GET", "/inventory/prompt", None),
    "stock of an unknown product": ("GET", "/inventory/nothing", None),
    "purchase": ("POST", "/purchase/prompt", b'{"quantity":1}'),
    "purchase of more than there is": ("POST", "/purchase/empty", b'{"quantity":1}'),
    "purchase of an unknown product": ("POST", "/purchase/nothing", b'{"quantity":1}'),
    "purchase without sense": ("POST", "/purchase/prompt", b"{}"),
    "order": ("GET", "/orders/%O", None),
    "order nobody made": ("GET", f"/orders/{NOBODY}", None),
    "order of no form": ("GET", "/orders/x", None),
    "cancelling of an order nobody made": ("DELETE", f"/orders/{NOBODY}", None),
    "cancelling once more": ("DELETE", "/orders/%C", None),
    "log-in": ("POST", "/login", b'{"username":"user_1","password":"password123"}'),
    "path that leads nowhere": ("GET", "/nothing", None),
    "wrong method": ("PUT", "/inventory/prompt", None),
}


@pytest.fixture(scope="module")
def shop(shared_server):
    """(server, buyer, an order, a cancelled order)"""
    shared_server.sale("prompt", stock=10_000)
    shared_server.sale("empty", stock=0)
    buyer = shared_server.login("user_1")
    orders = [shared_server.buy("prompt", buyer).json()["order_id"] for _ in range(2)]
    assert shared_server.ask("DELETE", f"/orders/{orders[1]}", buyer).status == 200
    return shared_server, buyer, *orders


def since(begun, stalls):
    """Seconds from begun, without those that the machine or its disk stood still."""
    ended = time.monotonic()
    return ended - begun - (stalls.between(begun, ended) if ended - begun > MEDIAN_S else 0)


@pytest.mark.parametrize("name", REQUESTS)
def test_an_idle_server_answers_at_once(shop, name, stalls):
    server, buyer, order, cancelled = shop
    method, path, body = REQUESTS[name]
    path = path.replace("%O", order).replace("%C", cancelled)
    took = []
    for _ in range(ASKED):
        with server.wire() as wire:  # a connection each, so that every worker is met
            begun = time.monotonic()
            wire.ask(method, path, buyer, body)
            took.append(since(begun, stalls))
    slowest = sorted(took)[-ASKED // 3:]
    print(f"{name}: median {1000 * statistics.median(took):.2f} ms, slowest {slowest[-1]:.3f} s")
    assert statistics.median(took) < MEDIAN_S * slowness()
    assert slowest[0] < 2 * MEDIAN_S * slowness(), f"a third is slow: {slowest}"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/readyz?verbose", "/metrics",
                                  "/admin/products", "/admin/products/prompt/audit",
                                  "/admin/products/nothing/audit"])
def test_the_admin_listener_answers_at_once(shop, path, stalls):
    took = []
    for _ in range(ASKED):
        begun = time.monotonic()
        shop[0].admin_ask("GET", path)
        took.append(since(begun, stalls))
    assert statistics.median(took) < MEDIAN_S * slowness()
