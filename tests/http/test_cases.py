"""Every row of the contract's tables: the cases are data, in cases/*.yaml; this runs them.

A case is one request or several steps:

    - name: a refusal is not remembered          what it proves
      product: {stock: 1}                        a sale of its own, ${product} (optional)
      each: [{n: 0}, {n: -1}]                    once for each, with ${n} (optional)
      steps:                                     or the members of one step in the case itself
        - request: POST /purchase/${product}
          at: admin                              the admin listener; else the main one
          as: buyer                              buyer, other: a fresh demo buyer; admin: the token
          headers: {Idempotency-Key: k}          a list value sends the header several times
          json: {quantity: 1}                    or text: a body as it stands, hex: its bytes,
                                                 fill: n, {"quantity":1} blown up to n bytes
          expect:
            status: 200                          or a list of those that the contract leaves open
            code: sold_out                       of the problem; or a list
            schema: sold                         members and types, see SCHEMAS
            body: {remaining: 0}                 members with these values
            headers: {Allow: POST}               a regular expression for the whole value; null: none
            same_as: first                       the bytes of the body saved as first
          save: {order: order_id}                ${order} in later steps; _body: the whole body

Without being asked, every answer must carry X-Request-Id, every error must be a whole problem, all
times must be RFC 3339 UTC, none may be late, and the connection must go on serving unless it was
closed openly.
"""
import datetime
import itertools
import json
import pathlib
import re
import time

import pytest
import yaml

import http1
import openapi
from flashsale import PASSWORD, bearer, slowness

CASES = pathlib.Path(__file__).parent / "cases"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NUMBERS = itertools.count(1)
PROMPT_S = 0.5  # no answer of an idle server waits for anything but the disk

COUNT = lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0
SIZE = lambda v: COUNT(v) and v > 0
TEXT = lambda v: isinstance(v, str) and v != ""
PRODUCT = lambda v: COUNT(v) or (isinstance(v, str) and not re.fullmatch("0|[1-9][0-9]{0,17}", v))
STATE = lambda v: v in ("open", "paused", "closed", "not_open")

SCHEMAS = {
    "token": {"access_token": TEXT, "token_type": lambda v: v == "bearer", "expires_in": SIZE},
    "inventory": {"product_id": PRODUCT, "stock": COUNT, "initial": COUNT, "state": STATE},
    "sold": {"order_id": TEXT, "product_id": PRODUCT, "quantity": SIZE, "remaining": COUNT},
    "order": {"order_id": TEXT, "product_id": PRODUCT, "quantity": SIZE, "status": TEXT},
    "problem": {"type": TEXT, "title": TEXT, "status": SIZE, "detail": TEXT, "code": TEXT,
                "request_id": TEXT},
}


def load_cases():
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text()):
            for number, values in enumerate(case.get("each", [{}])):
                label = f"{path.stem}: {case['name']}"
                label += f" [{number}]" if "each" in case else ""
                yield pytest.param(case, values, id=label)


class Play:
    """One case on its way: its variables, buyers and connections."""

    def __init__(self, server, document, values, stalls):
        self.server = server
        self.stalls = stalls
        self.document = document
        self.number = next(NUMBERS)
        self.values = {**values, "long": "a" * 65, "longest": "a" * 64, "huge": "k" * 3000}
        self.tokens = {}
        self.wires = {}

    def fill(self, node):
        """node with its ${variables}; one that is the whole text keeps its type."""
        if isinstance(node, dict):
            return {self.fill(k): self.fill(v) for k, v in node.items()}
        if isinstance(node, list):
            return [self.fill(v) for v in node]
        if not isinstance(node, str):
            return node
        whole = re.fullmatch(r"\$\{([^}]+)\}", node)
        if whole:
            return self.value(whole[1])
        return re.sub(r"\$\{([^}]+)\}", lambda m: str(self.value(m[1])), node)

    def value(self, name):
        moved = re.fullmatch(r"now([+-]\d+)", name)
        if moved:
            at = datetime.datetime.now(datetime.timezone.utc)
            at += datetime.timedelta(seconds=int(moved[1]))
            return at.strftime("%Y-%m-%dT%H:%M:%SZ")
        if name in ("token", "other_token"):
            return self.authorization("buyer" if name == "token" else "other")[0][1][7:]
        return self.fill(self.values[name])

    def authorization(self, who):
        if who is None:
            return []
        if who == "admin":
            return bearer(self.server.admin_token())
        if who not in self.tokens:
            name = f"user_{10 * self.number + len(self.tokens)}"
            self.tokens[who] = self.server.login(name, PASSWORD)
        return self.tokens[who]

    def wire(self, listener):
        if listener not in self.wires:
            self.wires[listener] = (http1.Wire(self.server.admin, 5 * slowness())
                                    if listener == "admin" else self.server.wire(5))
        return self.wires[listener]

    def step(self, step):
        method, path = self.fill(step["request"]).split(" ", 1)
        headers = list(self.authorization(step.get("as")))
        for name, value in self.fill(step.get("headers", {})).items():
            headers += [(name, v) for v in (value if isinstance(value, list) else [value])]
        listener = step.get("at", "main")
        wire, begun = self.wire(listener), time.monotonic()
        answer = wire.ask(method, path, headers, self.body(step))
        ended = time.monotonic()
        took = ended - begun
        if took > PROMPT_S:
            took -= self.stalls.between(begun, ended)
        assert took < PROMPT_S * slowness(), f"{took:.3f} s on an idle server for {answer}"
        if answer.closes:
            assert self.wires.pop(listener).is_ended(2), "said close, but did not"
        self.judge(answer, step.get("expect", {}), method)
        if method != "HEAD" and isinstance(answer.get("content-type"), str):
            self.document.check(method, path, answer, listener)
        for name, member in step.get("save", {}).items():
            self.values[name] = answer.body if member == "_body" else answer.json()[member]

    def body(self, step):
        if "json" in step:
            return json.dumps(self.fill(step["json"])).encode()
        if "text" in step:
            return self.fill(step["text"]).encode()
        if "hex" in step:
            return bytes.fromhex(self.fill(step["hex"]))
        if "fill" in step:
            return b'{"quantity":1' + b" " * (step["fill"] - 14) + b"}"
        return None

    def judge(self, answer, expect, method):
        wanted = expect.get("status", 200)
        assert answer.status in (wanted if isinstance(wanted, list) else [wanted]), answer
        assert answer.get("x-request-id"), "no X-Request-Id"
        if method == "HEAD":
            return
        check_times(answer)
        if answer.status >= 400:
            check_problem(answer)
            codes = expect.get("code")
            if codes:
                assert answer.code in (codes if isinstance(codes, list) else [codes]), answer
        if "schema" in expect and answer.status < 400:
            assert answer.get("content-type").split(";")[0] == "application/json"
            check_schema(answer.json(), expect["schema"])
        for name, value in self.fill(expect.get("body", {})).items():
            assert answer.json().get(name) == value, f"{name}: {answer}"
        for name, pattern in self.fill(expect.get("headers", {})).items():
            found = answer.get(name)
            if pattern is None:
                assert found is None, f"{name}: {found}"
            else:
                assert found is not None and re.fullmatch(pattern, found), f"{name}: {found}"
        if "same_as" in expect:
            assert answer.body == self.values[expect["same_as"]]

    def finish(self):
        """Each connection still stands between requests: a plain one is answered plainly."""
        for listener, wire in self.wires.items():
            path = "/livez" if listener == "admin" else "/inventory/1"
            assert wire.ask("GET", path).status == 200
            wire.close()


def check_schema(body, name):
    for member, holds in SCHEMAS[name].items():
        assert member in body, f"no {member} in {body}"
        assert holds(body[member]), f"{member} is {body[member]!r}"


def check_problem(answer):
    assert answer.get("content-type") == "application/problem+json", answer.headers
    body = answer.json()
    check_schema(body, "problem")
    assert body["status"] == answer.status
    assert body["request_id"] == answer.get("x-request-id")
    assert re.fullmatch("[a-z_]+", body["code"])


def check_times(answer):
    """Every member that is called ..._at."""
    def walk(node):
        if isinstance(node, dict):
            for name, value in node.items():
                if name.endswith("_at") and value is not None:
                    assert isinstance(value, str) and TIME.fullmatch(value), f"{name}: {value!r}"
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    if "json" in (answer.get("content-type") or ""):
        walk(answer.json())


@pytest.fixture(scope="module", name="document")
def fixture_document(shared_server):
    """The server's description of itself; in the end, all of it was asked for."""
    document = openapi.Document(shared_server)
    yield document
    if len({name for name, _, _ in document.used}) > 3:  # not when one case was chosen
        asked = {(method, path) for method, path, _ in document.used}
        assert document.operations() - asked == set()


@pytest.mark.limit(20)
@pytest.mark.parametrize("case, values", load_cases())
def test_case(shared_server, document, stalls, case, values):
    play = Play(shared_server, document, values, stalls)
    if "product" in case:
        play.values["product"] = f"c{play.number}"
        terms = play.fill(case["product"])
        answer = shared_server.admin_ask("PUT", f"/admin/products/c{play.number}", terms)
        assert answer.status in (200, 201), answer
    for step in case.get("steps", [case]):
        play.step(step)
    play.finish()
