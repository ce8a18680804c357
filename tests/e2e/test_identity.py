"""Tokens of identity providers: key sets by file and URL, rotation under load, reasons, services."""
import hashlib
import http.server
import json
import os
import signal
import threading
import time

import pytest

import tokens
from flashsale import bearer
from test_reload import wait_until_said

NOW = int(time.time())
GOOD = {"sub": "alice", "exp": NOW + 3600, "iat": NOW}
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


class Provider:
    """An identity provider: keys by name, published as a file and on a loopback port."""

    def __init__(self, folder):
        self.folder, self.keys, self.published = folder, {}, []
        self.path, self.fetches, self.fails = folder / "keys.json", [], False
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                provider.fetches.append(time.monotonic())
                body = provider.text().encode()
                self.send_response(503 if provider.fails else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def make_key(self, kid, algorithm="ES256", like=None):
        """like: of another key, which takes less time than a new one."""
        if like:
            self.keys[kid] = (algorithm, *self.keys[like][1:])
            return
        folder = self.folder / kid
        folder.mkdir()
        self.keys[kid] = (algorithm, *tokens.make_key(folder, algorithm))

    def publish(self, *kids):
        self.published = kids
        fresh = self.path.with_suffix(".new")
        fresh.write_text(self.text())
        fresh.chmod(0o644)
        os.rename(fresh, self.path)

    def text(self):
        return json.dumps({"keys": [tokens.jwk(self.keys[kid][2], kid) for kid in self.published]})

    def token(self, key, claims=None, **more):
        algorithm, private, _ = self.keys[key]
        return tokens.make(algorithm, private, claims or GOOD, **{"kid": key, **more})

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def provider(folder):
    one = Provider(folder)
    yield one
    one.close()


def start(make_server, keys, more=""):
    server = make_server(config=f"auth:\n  mode: jwt\n{keys}{more}").start()
    server.sale("1t", stock=1_000_000)
    return server


def buy(server, token, headers=()):
    return server.ask("POST", "/purchase/1t", [*bearer(token), *headers], {"quantity": 1})


def test_every_algorithm_of_a_key_set_buys(make_server, provider):
    for algorithm in ALGORITHMS:
        provider.make_key(f"key-{algorithm}", algorithm,
                          "key-RS256" if algorithm in ("RS384", "RS512", "PS256") else None)
    provider.publish(*provider.keys)
    server = start(make_server, f"  jwks_file: {provider.path}\n")
    for kid in provider.keys:
        assert buy(server, provider.token(kid)).status == 200, kid
        assert buy(server, provider.token(kid, typ="at+jwt")).status == 200, kid
    assert buy(server, provider.token("key-ES256", {**GOOD, "sub": 12345})).status == 200
    long = {**GOOD, "groups": ["g" * 100] * 115}
    token = provider.token("key-ES256", long)
    assert 15_000 < len(token) <= 16_384
    assert buy(server, token).status == 200
    assert buy(server, provider.token("key-ES256", {**GOOD, "x": "y" * 16_384})).status == 401


def test_a_refused_token_is_told_which_check_failed(make_server, provider):
    provider.make_key("a")
    provider.make_key("b")
    provider.publish("a")
    server = start(make_server, f"  jwks_file: {provider.path}\n  jwt_algorithms: [ES256, RS256]\n"
                   "  jwt_issuer: me\n  jwt_audience: shop\n  buyer_claim: customer\n")
    good = {"iss": "me", "aud": ["bank", "shop"], "customer": "kim", "exp": NOW + 3600}
    assert buy(server, provider.token("a", good)).status == 200
    assert buy(server, provider.token("a", {**good, "exp": NOW - 20})).status == 200  # leeway
    wrong = {
        "(exp)": provider.token("a", {**good, "exp": NOW - 60}),
        "(nbf)": provider.token("a", {**good, "nbf": NOW + 600}),
        "(iat)": provider.token("a", {**good, "iat": NOW + 600}),
        "(iss)": provider.token("a", {**good, "iss": "you"}),
        "(aud)": provider.token("a", {**good, "aud": "bank"}),
        "auth.buyer_claim": provider.token("a", {k: v for k, v in good.items() if k != "customer"}),
        "(typ)": provider.token("a", good, typ="logout+jwt"),
        "(alg)": provider.token("a", good, named="none"),
        "(kid)": provider.token("b", good),
        "signature": provider.token("b", good, kid="a"),
        "base64url": "no-token",
    }
    for part, token in wrong.items():
        answer = buy(server, token)
        challenge = answer.get("WWW-Authenticate")
        assert answer.status == 401, (part, answer)
        assert challenge.startswith('Bearer error="invalid_token", error_description="'), challenge
        assert part in challenge and part in answer.json()["detail"], (part, challenge)
    assert server.ask("POST", "/purchase/1t", body={"quantity": 1}).get(
        "WWW-Authenticate") == "Bearer"


@pytest.mark.parametrize("way", ["jwks_file", "jwks_url"])
def test_rotation_under_load_refuses_no_good_token(make_server, provider, way):
    """Each key is used in the very moment in which it is published, with four buyers all along."""
    count = 3
    for number in range(count):
        provider.make_key(f"key-{number}")
    provider.publish("key-0")
    made = {f"key-{number}": [provider.token(f"key-{number}", {**GOOD, "sub": f"buyer-{shopper}"})
                              for shopper in range(4)] for number in range(count)}
    server = start(make_server, f"  {way}: {provider.path if way == 'jwks_file' else provider.url}\n")
    current, bad, sold = [0], [], [0] * 4
    over = threading.Event()

    def shop(shopper):
        wire = server.wire()
        while not over.is_set():
            kid = f"key-{current[0]}"
            answer = wire.ask("POST", "/purchase/1t", bearer(made[kid][shopper]), b'{"quantity":1}')
            if answer.status == 200:
                sold[shopper] += 1
            else:
                bad.append((kid, answer.status, answer))
        wire.close()

    threads = [threading.Thread(target=shop, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, count):
        time.sleep(0.6)
        provider.publish(f"key-{number - 1}", f"key-{number}")
        current[0] = number
    time.sleep(1)
    over.set()
    for thread in threads:
        thread.join()
    assert not bad, bad[:3]
    assert min(sold) > 0
    print(f"{sum(sold)} good tokens over {count} keys, none refused; {len(provider.fetches)} fetches")


def test_unknown_keys_make_at_most_one_fetch_a_second(make_server, provider):
    provider.make_key("a")
    provider.make_key("b")
    provider.publish("a")
    server = start(make_server, f"  jwks_url: {provider.url}\n")
    ends = time.monotonic() + 2.2
    good, unknown = provider.token("a"), provider.token("b")
    while time.monotonic() < ends:
        assert buy(server, unknown).status == 401
    spans = [b - a for a, b in zip(provider.fetches, provider.fetches[1:])]
    assert spans and min(spans) > 0.9, spans
    provider.fails = True
    answer = buy(server, unknown)
    assert (answer.status, answer.json()["code"]) == (503, "busy"), answer
    assert buy(server, good).status == 200
    metrics = server.admin_ask("GET", "/metrics").body.decode()
    assert "flashsale_auth_key_failures_total 1" in metrics
    assert "flashsale_auth_keys_age_seconds" in metrics


def test_a_start_without_keys_is_refused_with_the_reason(make_server, provider, folder):
    provider.make_key("a")
    provider.fails = True
    for keys, said in ((f"  jwks_url: {provider.url}\n", "503"),
                       (f"  jwks_file: {folder}/none.json\n", "none.json"),
                       ("  jwks_url: http://example.org/keys\n", "https://"),
                       (f"  jwks_url: {provider.url}\n  jwks_file: x\n", "needs one of"),
                       ("  jwks_file: x\n  jwt_algorithms: [HS256]\n", "HS256 needs"),
                       ("  jwks_file: x\n  jwt_algorithms: [RS1]\n", "may list")):
        one = make_server(config=f"auth:\n  mode: jwt\n{keys}").spawn()
        assert one.wait(20) != 0, one.log()
        assert said in one.output(), (said, one.output())


def service_file(folder, **services):
    path = folder / "services"
    path.write_text("".join(
        f"{name} {scopes} {hashlib.sha256(f'{name}-secret'.encode()).hexdigest()}\n"
        for name, scopes in services.items()))
    path.chmod(0o600)
    return path


def reload(server, said):
    before = len(server.output())
    server.signal(signal.SIGHUP)
    wait_until_said(server, said, before)


def ask_as(server, name, method, path, buyer=None, body=None):
    headers = bearer(f"{name}-secret") + ([("X-Buyer", buyer)] if buyer else [])
    return server.ask(method, path, headers, body)


def test_a_service_acts_for_the_buyer_that_it_names(make_server, folder):
    path = service_file(folder, till="orders:purchase,orders:read", desk="orders:cancel", ops="admin")
    server = make_server(config=f"service_tokens_file: {path}\n").start()
    order = ask_as(server, "till", "POST", "/purchase/1", "kim", {"quantity": 1})
    assert order.status == 200, order
    name = order.json()["order_id"]
    assert ask_as(server, "till", "GET", f"/orders/{name}", "kim").status == 200
    assert ask_as(server, "till", "GET", f"/orders/{name}", "lee").status == 404
    refused = ask_as(server, "till", "DELETE", f"/orders/{name}", "kim")
    assert (refused.status, refused.json()["code"]) == (403, "scope"), refused
    assert "orders:cancel" in refused.json()["detail"]
    assert ask_as(server, "desk", "POST", "/purchase/1", "kim", {"quantity": 1}).status == 403
    assert ask_as(server, "ops", "POST", "/purchase/1", "kim", {"quantity": 1}).status == 403
    assert ask_as(server, "till", "POST", "/purchase/1", None, {"quantity": 1}).status == 400
    assert ask_as(server, "who", "POST", "/purchase/1", "kim", {"quantity": 1}).status == 401
    buyer = server.login("user_1")
    assert server.ask("POST", "/purchase/1", [*buyer, ("X-Buyer", "kim")],
                      {"quantity": 1}).status == 401
    assert ask_as(server, "desk", "DELETE", f"/orders/{name}", "kim").status == 200


def test_a_service_with_scope_admin_is_an_operator_and_a_reload_ends_that(make_server, folder):
    path = service_file(folder, ops="admin", till="orders:purchase")
    server = make_server(config=f"service_tokens_file: {path}\n").start()

    def ask(name):
        return server.admin_ask("GET", "/admin/products", token=f"{name}-secret")

    assert ask("ops").status == 200
    refused = ask("till")
    assert (refused.status, refused.json()["code"]) == (403, "scope"), refused
    assert ask("none").status == 401
    service_file(folder, till="admin")
    reload(server, "reloaded")
    assert ask("ops").status == 401
    assert ask("till").status == 200
    path.write_text("till wrong\n")
    reload(server, r"services:1: .name scope")
    assert ask("till").status == 200
