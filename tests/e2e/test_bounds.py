"""Bounds on what one buyer may do: rates, and a replay that says that its order was cancelled."""
import time

from flashsale import slowness



def test_a_buyer_over_their_rate_is_429_and_another_is_not(make_server):
    server = make_server("--set", "purchase.rate_per_buyer=3", "--workers", "2").start()
    server.sale("tv", stock=1000)
    ann, bob = server.login("user_1"), server.login("user_2")
    answers = [server.buy("tv", ann) for _ in range(12)]
    refused = [answer for answer in answers if answer.status == 429]
    assert answers[0].status == 200 and len(refused) >= 12 - 3 * (1 + slowness()), answers
    assert {answer.code for answer in refused} == {"too_many_requests"}
    assert all(1 <= int(answer.get("retry-after")) <= 2 for answer in refused), refused
    assert "rate_per_buyer" in refused[0].json()["detail"]
    assert server.stock("tv") == 1000 - (12 - len(refused)), "a refusal took a unit"
    assert server.buy("tv", bob).status == 200
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    assert f'flashsale_rate_limited_total{{by="buyer"}} {len(refused)}' in text
    assert f'outcome="rate_limited"}} {len(refused)}' in text


def test_lookups_and_cancels_count_and_time_gives_tokens_back(make_server):
    server = make_server("--set", "purchase.rate_per_buyer=2").start()
    server.sale("tv", stock=10)
    ann = server.login("user_1")
    order = server.buy("tv", ann).json()["order_id"]
    statuses = [server.ask(method, f"/orders/{order}", headers=ann).status
                for method in ("GET", "GET", "GET", "DELETE", "DELETE", "DELETE")]
    assert 429 in statuses
    time.sleep(1.1)
    assert server.ask("DELETE", f"/orders/{order}", headers=ann).status == 200


def test_an_address_over_its_rate_is_429_whoever_asks(make_server):
    server = make_server("--set", "purchase.rate_per_address=4").start()
    server.sale("tv", stock=1000)
    buyers = [server.login(f"user_{i}") for i in range(8)]
    statuses = [server.buy("tv", buyer).status for buyer in buyers * 3]
    assert statuses.count(429) >= 24 - 4 * (1 + slowness()) and 200 in statuses, statuses
    assert server.ask("GET", "/inventory/tv").status == 200, "reads of the shop page are not counted"


def test_without_limits_nobody_is_refused(server):
    server.sale("tv", stock=1000)
    ann = server.login("user_1")
    assert {server.buy("tv", ann).status for _ in range(60)} == {200}


def test_the_replay_of_a_cancelled_order_is_no_sale(server):
    server.sale("tv", stock=5)
    ann = server.login("user_1")
    sold = server.buy("tv", ann, 2, key="k")
    assert sold.status == 200 and "status" not in sold.json()
    assert server.ask("DELETE", f"/orders/{sold.json()['order_id']}", headers=ann).status == 200
    again = server.buy("tv", ann, 2, key="k")
    assert again.status == 200 and again.get("idempotency-replayed") == "true", again
    assert again.json()["status"] == "cancelled" and again.json()["cancelled_at"], again
    assert again.json()["order_id"] == sold.json()["order_id"]
    assert server.stock("tv") == 5
