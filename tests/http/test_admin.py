"""What operators read: the list, the audit, health, and what a sale's terms become."""
import re

from flashsale import audit_terms, term

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def listed(server):
    """{product id as text: its entry} of GET /admin/products."""
    answer = server.admin_ask("GET", "/admin/products")
    assert answer.status == 200, answer
    body = answer.json()
    entries = body if isinstance(body, list) else body["products"]
    return {str(entry["product_id"]): entry for entry in entries}


def test_the_list_has_every_sale_with_its_numbers(server):
    entries = listed(server)
    assert sorted(entries, key=int) == [str(n) for n in range(1, 11)]
    server.sale("listed", stock=8, per_user_max=2, max_quantity=2, state="paused",
                opens_at="2026-01-02T03:04:05Z", closes_at="2030-01-02T03:04:05Z")
    entry = listed(server)["listed"]
    assert entry["product_id"] == "listed" and isinstance(listed(server)["3"]["product_id"], int)
    assert (entry["per_user_max"], entry["max_quantity"], entry["state"]) == (2, 2, "paused")
    assert TIME.fullmatch(entry["opens_at"]) and entry["opens_at"].startswith("2026-01-02T03:04:05")
    assert TIME.fullmatch(entry["closes_at"])
    assert entry.get("stock", entry.get("left")) == 8


def test_hundreds_of_sales_are_listed_and_one_too_many_is_refused_truly(server):
    """A limit may be there; reaching it is no fault of the store that passes by waiting."""
    made = []
    for number in range(1500):
        terms = {"stock": number}
        answer = server.admin_ask("PUT", f"/admin/products/many-{number}", terms)
        if answer.status not in (200, 201):
            assert 400 <= answer.status < 500 or answer.status == 507, (number, answer)
            break
        made.append(number)
    print(f"{len(made)} sales were made")
    assert len(made) >= 500
    entries = listed(server)
    assert len(entries) == 10 + len(made)
    for number in made:
        entry = entries[f"many-{number}"]
        assert entry.get("stock", entry.get("left")) == number


def test_the_audit_names_every_term(server):
    server.sale("audited", stock=10)
    buyer = server.login("user_1")
    order = server.buy("audited", buyer, 3).json()["order_id"]
    server.buy("audited", buyer, 4)
    server.ask("DELETE", f"/orders/{order}", buyer)
    server.admin_ask("PATCH", "/admin/products/audited", {"add": 5})
    terms = server.audit("audited")
    assert term(terms, "initial") == 10
    assert term(terms, "restocked") == 5
    assert term(terms, "sold") == 4
    assert term(terms, "left") == 11
    again = server.admin_ask("PUT", "/admin/products/audited", {"stock": 2, "reset": True})
    assert again.status == 200, again
    terms = server.audit("audited")
    assert (term(terms, "initial"), term(terms, "sold"), term(terms, "left")) == (2, 0, 2)
    assert audit_terms(server.admin_ask("GET", "/admin/products/audited/audit").json())["epoch"] == 2


def test_health_is_plain_to_a_machine(server):
    for path in ("/livez", "/readyz", "/readyz?verbose"):
        answer = server.admin_ask("GET", path, token="")
        assert answer.status == 200 and answer.body, (path, answer)
    verbose = server.admin_ask("GET", "/readyz?verbose", token="")
    assert len(verbose.body) >= len(server.admin_ask("GET", "/readyz", token="").body)


def test_a_restock_wakes_a_sold_out_sale_for_the_next_buyer(server):
    server.sale("woken", stock=1)
    buyer = server.login("user_1")
    assert server.buy("woken", buyer).status == 200
    for _ in range(20):
        assert server.buy("woken", buyer).code == "sold_out"
        assert server.admin_ask("PATCH", "/admin/products/woken", {"add": 2}).status == 200
        assert server.buy("woken", buyer, 2).status == 200
    server.audit("woken")


def test_sales_and_changes_outlive_a_kill(make_server):
    server = make_server().start()
    server.sale("kept", stock=10, per_user_max=4)
    buyer = server.login("user_1")
    server.buy("kept", buyer, 3)
    server.admin_ask("PATCH", "/admin/products/kept", {"add": 5, "state": "paused"})
    server.kill()
    server.start()
    assert server.ask("GET", "/inventory/kept").json()["state"] == "paused"
    assert server.stock("kept") == 12
    server.admin_ask("PATCH", "/admin/products/kept", {"state": "open"})
    assert server.buy("kept", buyer, 2).code == "user_limit"
    assert server.admin_ask("PUT", "/admin/products/kept", {"stock": 1}).status == 409
    server.admin_ask("PUT", "/admin/products/kept", {"stock": 1, "reset": True})
    server.kill()
    server.start()
    assert server.stock("kept") == 1
    server.audit("kept")
