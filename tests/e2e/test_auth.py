"""Who may buy: the three modes, forged tokens, and the limit on failed log-ins."""
import json
import subprocess
import threading
import time

import pytest

import tokens
from flashsale import bearer, run, sized, slowness

NOW = int(time.time())
GOOD = {"sub": "alice", "exp": NOW + 3600, "iat": NOW}


def buy(server, token, product="1"):
    return server.buy(product, bearer(token))


@pytest.fixture
def jwt_server(make_server, folder):
    """jwt_server(algorithm, more configuration) -> (server, private key file, public key file)"""
    def start(algorithm, more=""):
        private, public = tokens.make_key(folder, algorithm)
        config = (f"auth:\n  mode: jwt\n  jwt_algorithm: {algorithm}\n"
                  f"  jwt_key_file: {public}\n{more}")
        server = make_server(config=config).start()
        server.sale("1t", stock=100_000)
        server.sale("1", stock=100)
        return server, private, public
    return start


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_tokens_of_an_identity_provider_buy(jwt_server, algorithm):
    server, private, _ = jwt_server(algorithm)
    token = tokens.make(algorithm, private, GOOD)
    order = buy(server, token)
    assert order.status == 200, order
    found = server.ask("GET", f"/orders/{order.json()['order_id']}", bearer(token))
    assert found.status == 200
    other = tokens.make(algorithm, private, {**GOOD, "sub": "bob"})
    assert server.ask("GET", f"/orders/{order.json()['order_id']}", bearer(other)).status == 404
    assert server.ask("POST", "/login", body={"username": "user_1", "password": "password123"}
                      ).status in (403, 404, 405, 401)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_no_token_is_taken_that_the_provider_did_not_mean(jwt_server, folder, algorithm):
    server, private, public = jwt_server(algorithm)
    stranger = folder / "stranger"
    stranger.mkdir()
    strange, _ = tokens.make_key(stranger, algorithm)
    if algorithm == "HS256":
        strange.write_bytes(b"another secret of thirty-two bytes, ok")
    good = tokens.make(algorithm, private, GOOD)
    head, claims, signature = good.split(".")
    bad = {
        "expired": tokens.make(algorithm, private, {**GOOD, "exp": NOW - 60}),
        "without exp": tokens.make(algorithm, private, {"sub": "alice"}),
        "not yet valid": tokens.make(algorithm, private, {**GOOD, "nbf": NOW + 3600}),
        "without sub": tokens.make(algorithm, private, {"exp": NOW + 3600}),
        "empty sub": tokens.make(algorithm, private, {**GOOD, "sub": ""}),
        "sub a fraction": tokens.make(algorithm, private, {**GOOD, "sub": 7.5}),
        "sub with NUL": tokens.make(algorithm, private, {**GOOD, "sub": "a\0b"}),
        "long sub": tokens.make(algorithm, private, {**GOOD, "sub": "a" * 2000}),
        "exp a text": tokens.make(algorithm, private, {**GOOD, "exp": str(NOW + 3600)}),
        "of another key": tokens.make(algorithm, strange, GOOD),
        "alg none": tokens.make("none", None, GOOD),
        "alg None": tokens.make("none", None, GOOD, named="None"),
        "alg none with the signature": tokens.make("none", None, GOOD) + signature,
        "no signature": f"{head}.{claims}.",
        "no third part": f"{head}.{claims}",
        "a fourth part": f"{good}.x",
        "public key as secret": tokens.make("HS256", public, GOOD) if algorithm != "HS256"
                                else tokens.make("HS384", private, GOOD),
        "HS512": tokens.make("HS512", private, GOOD),
        "other head": tokens.make(algorithm, private, GOOD, named="RS512"),
    }
    taken = {name: buy(server, token).status for name, token in bad.items()}
    assert buy(server, good).status == 200
    assert taken == dict.fromkeys(bad, 401)
    assert buy(server, good).status == 200


@pytest.mark.limit(sized(60, 900))
def test_no_flipped_bit_makes_a_token(jwt_server, rng):
    """Also after the right token was verified and cached."""
    server, private, _ = jwt_server("HS256")
    count, tried = sized(2, 20), 0
    wire = server.wire()
    for number in range(count):
        good = tokens.make("HS256", private, {**GOOD, "sub": f"buyer-{number}"})
        assert wire.ask("POST", "/purchase/1t", bearer(good), b'{"quantity":1}').status == 200
        for forged in flipped(good):
            tried += 1
            wire = refused(server, wire, forged)
    for _ in range(sized(1000, 100_000)):
        forged = bytes(rng.choice(b"abcXYZ019-_.") for _ in range(rng.randrange(1, 300)))
        wire = refused(server, wire, forged)
    wire.close()
    print(f"{tried} flips of {count} tokens, and random ones: none taken")
    assert server.stock("1t") == 100_000 - count


def flipped(good):
    """good with each of its bits flipped, but where that only spells the same bytes otherwise."""
    meaning = [tokens.unb64(part) for part in good.split(".")]
    for bit in range(8 * len(good)):
        forged = bytearray(good.encode())
        forged[bit // 8] ^= 1 << (bit % 8)
        parts = bytes(forged).decode("latin-1").split(".")
        if forged[bit // 8] not in b"\r\n\0" and [tokens.unb64(p) for p in parts] != meaning:
            yield bytes(forged)


def refused(server, wire, token):
    """Checks that token buys nothing; returns the connection to go on with."""
    answer = wire.ask("POST", "/purchase/1t", [("Authorization", b"Bearer " + token)],
                      b'{"quantity":1}')
    assert answer.status in (400, 401), (token, answer)
    if not answer.closes:
        return wire
    wire.close()
    return server.wire()


def test_a_token_expires_though_it_is_cached(jwt_server):
    server, private, _ = jwt_server("HS256", "  leeway: 0s\n")
    expires = int(time.time()) + 3
    bought = bought_until(server, tokens.make("HS256", private, {**GOOD, "exp": expires}), expires)
    assert bought > 1, "the machine was too slow for a second purchase"


def bought_until(server, token, expires):
    """Buys until it is refused: not before the token expires, and at once then."""
    bought = 0
    while True:
        begun = time.time()
        answer = buy(server, token, "1t" if server.config else "1")
        if answer.status == 200:
            assert begun < expires + 0.1, f"it bought {begun - expires:.3f} s after its end"
            bought += 1
        else:
            assert answer.status == 401 and time.time() >= expires, answer
            return bought
        time.sleep(0.05)


def test_issuer_and_audience_are_checked_when_configured(jwt_server):
    server, private, _ = jwt_server("HS256", "  jwt_issuer: me\n  jwt_audience: shop\n")
    claims = {**GOOD, "iss": "me", "aud": "shop"}
    assert buy(server, tokens.make("HS256", private, claims)).status == 200
    for wrong in ({"iss": "you"}, {"aud": "bank"}, {"iss": None}, {"aud": None}):
        token = tokens.make("HS256", private, {k: v for k, v in {**claims, **wrong}.items() if v})
        assert buy(server, token).status == 401, wrong


def test_our_own_tokens_expire(make_server):
    server = make_server("--set", "auth.token_ttl=3s").start()
    token = server.login("user_1")[0][1][7:]
    claims = json.loads(tokens.unb64(token.split(".")[1]))
    assert claims["exp"] - claims["iat"] == 3
    assert bought_until(server, token, claims["exp"]) > 1


def test_a_secret_that_is_too_short_is_refused(make_server, folder):
    (folder / "short.key").write_text("short")
    (folder / "short.key").chmod(0o600)
    config = f"auth:\n  mode: jwt\n  jwt_algorithm: HS256\n  jwt_key_file: {folder}/short.key\n"
    one = make_server(config=config).spawn()
    assert one.wait(10) == 2, one.log()
    assert "32" in one.output()


def users_config(folder, *names):
    path = folder / "users"
    path.write_text("")
    for name in names:
        subprocess.run(["htpasswd", "-bB", "-C", "5", str(path), name, f"word-of-{name}"],
                       check=True, capture_output=True, timeout=30)
    path.chmod(0o600)
    return f"products: ['1:100']\nauth:\n  mode: users\n  users_file: {path}\n", path


def log_in(server, name, word):
    return server.ask("POST", "/login", body={"username": name, "password": word})


def test_users_of_an_htpasswd_file_log_in(make_server, folder):
    config, _ = users_config(folder, "alice", "bob")
    server = make_server(config=config).start()
    answer = log_in(server, "alice", "word-of-alice")
    assert answer.status == 200, answer
    assert buy(server, answer.json()["access_token"]).status == 200
    for name, word in (("alice", "word-of-bob"), ("alice", ""), ("carol", "word-of-alice"),
                       ("user_1", "password123"), ("alice", "word-of-alice\0"),
                       ("alice", "WORD-OF-ALICE"), ("", ""), ("alice:", "x")):
        refusal = log_in(server, name, word)
        assert (refusal.status, refusal.code) in ((401, "bad_credentials"),
                                                  (400, "invalid_request")), (name, refusal)
    assert log_in(server, "bob", "word-of-bob").status == 200


def test_bcrypt_and_yescrypt_by_libxcrypt_are_known_and_weak_hashes_are_not(make_server, folder):
    config, path = users_config(folder, "alice")
    path.write_text(path.read_text() + "weak:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
    server = make_server(config=config).spawn()
    if server.wait_for_end_or_ready() is None:  # it may also refuse the whole file
        assert log_in(server, "weak", "password").status == 401
        assert log_in(server, "alice", "word-of-alice").status == 200
    else:
        assert server.wait(1) == 2 and "users" in server.output(), server.log()


def test_sighup_reads_the_users_anew(make_server, folder):
    config, path = users_config(folder, "alice")
    server = make_server(config=config).start()
    assert log_in(server, "bob", "word-of-bob").status == 401
    users_config(folder, "alice", "bob")
    server.signal(1)
    limit = time.monotonic() + 10 * slowness()
    while "reloaded" not in server.output():
        assert time.monotonic() < limit, server.log()
        time.sleep(0.02)
    assert log_in(server, "bob", "word-of-bob").status == 200


@pytest.mark.limit(90)
def test_failed_log_ins_are_limited_and_purchases_unharmed(make_server, folder, stalls):
    config, _ = users_config(folder, "alice", "bob", "carol")
    server = make_server(config=config).start()
    server.sale("calm", stock=1_000_000)
    buyer = bearer(log_in(server, "carol", "word-of-carol").json()["access_token"])
    quiet = purchase_p99(server, buyer, 1.0, stalls)
    stopped, statuses = threading.Event(), []

    def guess():
        while not stopped.is_set():
            statuses.append(log_in(server, "alice", f"guess-{len(statuses)}").status)

    guessers = [threading.Thread(target=guess) for _ in range(4)]
    for thread in guessers:
        thread.start()
    loud = purchase_p99(server, buyer, 2.0, stalls)
    stopped.set()
    for thread in guessers:
        thread.join()
    failures = statuses.count(401)
    print(f"{len(statuses)} guesses, {failures} checked; purchase p99 {quiet * 1000:.1f} ms quiet,"
          f" {loud * 1000:.1f} ms beside them")
    assert set(statuses) <= {401, 429}
    assert failures <= 100, "more than 100 failures in an hour for one account"
    refusal = log_in(server, "alice", "guess")
    assert (refusal.status, refusal.code) == (429, "too_many_requests"), refusal
    assert refusal.get("retry-after"), "429 without Retry-After"
    assert buy(server, buyer[0][1][7:]).status == 200
    assert loud < max(2 * quiet, 0.1 * slowness())


def purchase_p99(server, buyer, seconds, stalls):
    """Without the time that the machine stood still."""
    spans, until = [], time.monotonic() + seconds
    with server.wire() as wire:
        while time.monotonic() < until:
            begun = time.monotonic()
            assert wire.ask("POST", "/purchase/calm", buyer, b'{"quantity":1}').status == 200
            spans.append((begun, time.monotonic()))
    spans.sort(key=lambda span: span[0] - span[1])  # only the slowest can be at fault
    slowest = spans[:len(spans) // 50 + 1]
    took = sorted(ended - begun - stalls.between(begun, ended) for begun, ended in slowest)
    return took[min(len(took) - 1, len(took) // 2)]


def test_a_users_file_that_is_not_there_is_named(make_server, folder):
    one = make_server(config=f"auth:\n  mode: users\n  users_file: {folder}/none\n").spawn()
    assert one.wait(10) == 2, one.log()
    assert f"{folder}/none" in one.output()
    found = run("check-config", "--probe", "-c", one.config)
    assert found.returncode in (1, 2), found
    assert f"{folder}/none" in found.stdout + found.stderr, found


def test_failed_log_ins_of_one_account_shut_out_no_other(make_server, folder):
    """config/flashsale.yaml: the limit is for one account from one address.  Many buyers may come
    from one address, behind a proxy."""
    config, _ = users_config(folder, "alice", "bob")
    server = make_server(config=config).start()
    statuses = [log_in(server, "alice", f"guess-{n}").status for n in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    assert log_in(server, "bob", "word-of-bob").status == 200


def test_check_config_judges_the_mode_and_its_files(folder):
    path = folder / "c.yaml"
    path.write_text("auth:\n  mode: users\n")
    done = run("check-config", "-c", path)
    assert done.returncode == 2 and "users_file" in done.stderr, done.stderr
    path.write_text("auth:\n  mode: guests\n")
    done = run("check-config", "-c", path)
    assert done.returncode == 2 and "c.yaml:2:" in done.stderr, done.stderr


def test_a_token_of_another_server_is_none(make_server):
    one, two = make_server().start(), make_server().start()
    buyer = one.login("user_1")
    assert one.buy("1", buyer).status == 200
    assert two.buy("1", buyer).status == 401
    claims = json.loads(tokens.unb64(buyer[0][1][7:].split(".")[1]))
    assert claims["exp"] > time.time()
