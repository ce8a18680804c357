"""The reference load as a Locust file: each user logs in once, then looks (weight 3) and buys (weight 7).

    locust -f load_tests/locustfile.py --host http://127.0.0.1:8000            web UI on port 8089
    locust -f load_tests/locustfile.py --host http://127.0.0.1:8000 --headless \
           -u 1000 -r 50 -t 60s --csv results/locust                           the reference command
    locust ... --headless --scenario spike [--scenario-profile ci]             a scenario's load shape

A scenario is one of baseline, load, spike, stress, soak, or another file of load_tests/scenarios with
users; LOCUST_SCENARIO says the same as --scenario.  LOCUST_PASSWORD replaces password123.

A purchase's outcome is part of its name in the statistics ("/purchase/[id] sold_out").  Sold out,
limit, busy and in_progress are outcomes, not failures; after busy the user waits as Retry-After says
and asks again with the same idempotency key.  `scripts/analyze_results.py results/locust` draws and
judges the CSV files.
"""
import itertools
import os
import pathlib
import random
import sys
import uuid

import gevent
from locust import FastHttpUser, between, events
from locust.exception import StopUser

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import locust_shapes  # noqa: E402  (beside this file)

PASSWORD = os.environ.get("LOCUST_PASSWORD", "password123")
USERS_MAX = 10000
AGAIN_MAX = 3           # requests more of one purchase after busy or in_progress
RETRY_AFTER_MAX_S = 10
OUTCOMES = {"sold_out", "user_limit", "busy", "in_progress", "too_many_requests"}
ASK_AGAIN = {"busy", "in_progress", "too_many_requests"}


def argument(name, variable):
    """An option's value before Locust parses it: shapes are chosen while this file is loaded."""
    given = os.environ.get(variable, "")
    for at, word in enumerate(sys.argv):
        if word == name and at + 1 < len(sys.argv):
            given = sys.argv[at + 1]
        elif word.startswith(name + "="):
            given = word[len(name) + 1:]
    return given


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--scenario", default="", env_var="LOCUST_SCENARIO", include_in_web_ui=False,
                        help="load shape: baseline, load, spike, stress, soak, or a file of scenarios/")
    parser.add_argument("--scenario-profile", default="full", env_var="LOCUST_SCENARIO_PROFILE",
                        include_in_web_ui=False, help="smoke, ci or full (the reference size)")


NAME = argument("--scenario", "LOCUST_SCENARIO")
PROFILE = argument("--scenario-profile", "LOCUST_SCENARIO_PROFILE") or "full"
try:
    SCENARIO = locust_shapes.scenario(NAME, PROFILE) if NAME else locust_shapes.REFERENCE["load"]
    if NAME:  # Locust takes the one shape class that it finds here
        Shape = locust_shapes.shape(NAME, PROFILE)
        Shape.__module__ = __name__
except ValueError as wrong:
    sys.exit(f"locustfile: {wrong}")

numbers = itertools.count()


def outcome_of(response):
    """sold, a problem's code, or what went wrong on the way."""
    if response.status_code == 200:
        return "sold"
    try:
        return str(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return "no_answer" if not response.status_code else f"http_{response.status_code}"


def retry_after_s(response):
    try:
        return min(max(float(response.headers.get("Retry-After", 1)), 0.0), RETRY_AFTER_MAX_S)
    except ValueError:
        return 1.0


class Buyer(FastHttpUser):
    """One of user_1 to user_10000, on a connection of its own."""
    wait_time = between(*SCENARIO.think_s)
    network_timeout = connection_timeout = 10.0
    concurrency = 1

    def on_start(self):
        worker = max(0, getattr(self.environment.runner, "worker_index", 0) or 0)
        self.name = f"user_{(next(numbers) + worker * 1000) % USERS_MAX + 1}"
        for _ in range(1 + AGAIN_MAX):
            wait_s = self.login()
            if wait_s is None:
                return
            gevent.sleep(wait_s)
        raise StopUser()

    def login(self):
        """None when logged in, else how long to wait before the next attempt."""
        with self.client.post("/login", json={"username": self.name, "password": PASSWORD},
                              name="/login", catch_response=True) as response:
            try:
                self.bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
                return None
            except (ValueError, KeyError, TypeError):
                response.failure(f"log-in: {outcome_of(response)}")
                return retry_after_s(response) if response.headers else 1.0

    def look(self):
        product = random.choice(SCENARIO.products)
        self.client.get(f"/inventory/{product}", name="/inventory/[id]")

    def buy(self):
        product, quantity = random.choice(SCENARIO.products), random.randint(*SCENARIO.quantity)
        key = uuid.uuid4().hex
        for _ in range(1 + AGAIN_MAX):
            wait_s = self.ask(product, quantity, key)
            if wait_s is None:
                return
            gevent.sleep(wait_s)

    def ask(self, product, quantity, key):
        """One request; None when decided, else how long to wait before asking again."""
        headers = {**self.bearer, "Idempotency-Key": key}
        with self.client.post(f"/purchase/{product}", json={"quantity": quantity}, headers=headers,
                              name="/purchase/[id]", catch_response=True) as response:
            outcome = outcome_of(response)
            response.request_meta["name"] = f"/purchase/[id] {outcome}"
            if outcome == "sold" or outcome in OUTCOMES:
                response.success()
            else:
                response.failure(outcome)
        if outcome == "unauthorized":  # the token's hour is over
            return self.login() or 0.0
        return retry_after_s(response) if outcome in ASK_AGAIN else None

    tasks = {task: weight for task, weight in ((look, SCENARIO.inventory), (buy, SCENARIO.purchase))
             if weight}
