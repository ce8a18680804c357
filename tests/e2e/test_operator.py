"""What an operator asks of sales: windows, units taken out, deletion, who did what."""
import json

import flashsale


PRODUCT = "/admin/products/tv"


def change(server, method, body, path=PRODUCT, headers=()):

    return flashsale._ask(server.admin, method, path,
                          flashsale.bearer(server.admin_token()) + list(headers), body, None)


def records(server):
    return [json.loads(line) for line in (server.data_dir / "audit.log").read_text().splitlines()]


def test_units_that_are_unsold_are_taken_out_and_no_others(server):
    server.sale("tv", stock=10)
    ann = server.login("user_1")
    if server.strategy == "v4":  # the units lie on several shards: the first one's are taken, or none
        answer = change(server, "PATCH", {"add": -10})
        assert (answer.status, answer.code) == (409, "units_not_left") and server.stock("tv") == 10
        assert change(server, "PATCH", {"add": -1}).json()["stock"] == 9
        server.audit("tv")
        return
    assert server.buy("tv", ann, 4).status == 200
    key = [("Idempotency-Key", "out-1")]
    for _ in range(2):
        taken = change(server, "PATCH", {"add": -5}, headers=key)
        assert taken.status == 200 and taken.json()["stock"] == 1, taken
    assert taken.get("idempotency-replayed") == "true"
    refused = change(server, "PATCH", {"add": -2})
    assert (refused.status, refused.code) == (409, "units_not_left"), refused
    assert server.stock("tv") == 1
    assert change(server, "PATCH", {"add": -1}).json()["restocked"] == -6
    assert (server.buy("tv", ann).status, server.stock("tv")) == (400, 0)
    server.audit("tv")


def test_a_window_that_never_opens_is_refused_also_with_the_stored_half(server):
    server.sale("tv", stock=1, opens_at="2040-01-01T00:00:00Z", closes_at="2040-02-01T00:00:00Z")
    for body in ({"closes_at": "2039-01-01T00:00:00Z"}, {"opens_at": "2041-01-01T00:00:00Z"},
                 {"opens_at": "2040-02-01T00:00:00Z"},
                 {"opens_at": "2040-03-01T00:00:00Z", "closes_at": "2040-02-01T00:00:00Z"}):
        answer = change(server, "PATCH", body)
        assert (answer.status, answer.code) == (400, "invalid_request"), (body, answer)
    assert change(server, "PATCH", {"closes_at": "2041-01-01T00:00:00Z"}).status == 200
    assert change(server, "PATCH", {"opens_at": "2040-06-01T00:00:00Z"}).status == 200
    answer = change(server, "PUT", {"stock": 5, "reset": True, "opens_at": "2042-01-01T00:00:00Z"})
    assert answer.status == 400, answer


def test_what_cannot_take_effect_is_refused(server):
    server.sale("tv", stock=5)
    ann = server.login("user_1")
    for method, body in (("PUT", {"stock": 1, "reset": True, "max_quantity": 11}),
                         ("PATCH", {"max_quantity": 11})):
        answer = change(server, method, body)
        assert answer.status == 400 and "purchase.max_quantity" in answer.json()["detail"], answer
    order = server.buy("tv", ann).json()["order_id"]
    for method, path in (("DELETE", f"/orders/{order}"), ("GET", f"/orders/{order}"),
                         ("GET", "/inventory/tv")):
        answer = server.ask(method, path, headers=ann, body={"quantity": 1})
        assert answer.status == 400 and "quantity" in answer.json()["detail"], answer
    assert change(server, "PATCH", {"add": 1}, PRODUCT + "?reset=1").status == 400
    assert change(server, "DELETE", None, PRODUCT + "?force=yes").status == 400
    assert server.ask("GET", f"/orders/{order}", headers=ann).json()["status"] == "sold"
    assert server.stock("tv") == 4


def test_a_deleted_sale_is_gone_its_orders_are_true_and_its_id_is_free(make_server):
    server = make_server().start()
    server.sale("tv", stock=5, per_user_max=3)
    ann = server.login("user_1")
    order = server.buy("tv", ann, 2).json()["order_id"]
    refused = change(server, "DELETE", None)
    assert (refused.status, refused.code) == (409, "sale_not_closed"), refused
    assert change(server, "PATCH", {"state": "closed"}).status == 200
    for _ in range(2):
        gone = change(server, "DELETE", None)
        assert gone.status == 200 and gone.json() == {"product_id": "tv", "deleted": True}, gone
    for _ in range(2):
        assert server.ask("GET", "/inventory/tv").status == 404
        assert change(server, "GET", None).status == 404
        assert change(server, "PATCH", {"add": 1}).status == 404
        names = [sale["product_id"] for sale in
                 server.admin_ask("GET", "/admin/products").json()["products"]]
        assert "tv" not in names
        assert 'product_id="tv"' not in server.admin_ask("GET", "/metrics").body.decode()
        assert server.buy("tv", ann).status in (403, 404)
        assert server.ask("GET", f"/orders/{order}", headers=ann).json()["status"] == "sold"
        server.stop()
        server.start()
        ann = server.login("user_1")
    anew = change(server, "PUT", {"stock": 7})
    assert anew.status == 200, anew
    assert (anew.json()["epoch"], anew.json()["stock"], anew.json()["state"]) == (2, 7, "open")
    assert anew.json()["per_user_max"] == 0, "a term of the deleted sale came back"
    assert server.buy("tv", ann).status == 200
    assert server.ask("GET", f"/orders/{order}", headers=ann).json()["status"] == "sold"
    assert change(server, "DELETE", None, PRODUCT + "?force=1").status == 200
    assert change(server, "DELETE", None, "/admin/products/never").status == 404
    server.audit("1")


def test_a_thousand_sales_are_no_end(make_server):
    server = make_server().start()
    rest = 1000 - len(server.admin_ask("GET", "/admin/products").json()["products"])
    with server.wire() as _:
        for i in range(rest):
            server.sale(f"s{i}", stock=1)
    full = change(server, "PUT", {"stock": 1})
    assert (full.status, full.code) == (409, "too_many_sales"), full
    assert change(server, "DELETE", None, "/admin/products/s0?force=1").status == 200
    assert change(server, "PUT", {"stock": 1}).status == 200


def test_every_change_is_in_the_audit_log_with_its_author(server):
    who = [("X-Operator", "Ann Lee"), ("Idempotency-Key", "k1")]
    assert change(server, "PUT", {"stock": 5}, headers=who).status == 200
    assert change(server, "PATCH", {"add": 2}, headers=[("X-Operator", "bob")]).status == 200
    assert change(server, "PATCH", {"add": -20}).status == 409
    assert change(server, "DELETE", None, PRODUCT + "?force=1", headers=who[:1]).status == 200
    made, added, refused, gone = records(server)[-4:]
    assert (made["operator"], made["action"], made["outcome"], made["key"]) == ("Ann Lee", "put",
                                                                             "done", "k1")
    assert made["before"] is None and made["after"]["stock"] == 5
    assert json.loads(made["asked"]) == {"stock": 5}
    assert (added["operator"], added["before"]["stock"], added["after"]["stock"]) == ("bob", 5, 7)
    assert (refused["operator"], refused["outcome"]) == (None, "units_not_left")
    assert (gone["action"], gone["before"]["stock"]) == ("delete", 7)
    assert all(record["at"] and record["request_id"] for record in records(server))
    assert (server.data_dir / "audit.log").stat().st_mode & 0o777 == 0o600
    assert change(server, "PATCH", {"add": 1}, headers=[("X-Operator", "x" * 65)]).status == 400


def test_a_reset_repeated_with_its_key_makes_no_second_epoch(server):
    server.sale("tv", stock=5)
    for _ in range(3):
        reset = change(server, "PUT", {"stock": 9, "reset": True},
                       headers=[("Idempotency-Key", "again")])
        assert reset.status == 200 and reset.json()["epoch"] == 2, reset
