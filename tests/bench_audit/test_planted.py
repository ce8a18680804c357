"""The audit of flashsale-bench against real servers under load: those with one bug planted are
accused of just that, right ones of nothing."""
import csv
import json
import os
import pathlib
import subprocess
import time

import pytest
import yaml

import flashsale
from flashsale import Server
from redis_server import free_port

BUILD = pathlib.Path(os.environ["FS_BUILD"])
PLANTED = BUILD / "tests" / "strategies" / "planted"
SEED = os.environ.get("FS_SEED", "1")


def scenario(**changes):
    """Everybody at once, with more units than are asked for."""
    return {"name": "planted", "description": "a short run for the audit",
            "executor": "per-vu-iterations", "users": 100, "iterations": 10, "connections": 100,
            "time_max": "20s", "deadline": "5s", "products": ["1"], "stock": 100000,
            "mix": {"purchase": 1}} | changes


SCARCE = {"stock": 300, "sells_out": True}
DOUBLED = {"retry": {"doubled": 0.3, "concurrent": 0.5}}
RETRIED = {"retry": {"doubled": 0.3, "concurrent": 0.5, "cut": 0.1, "again": 5,
                     "again_after": "5ms"}}
HASTY = {"deadline": "10ms", "stock": 300, "iterations": 2}
MIXED = {"mix": {"purchase": 6, "inventory": 1, "cancel": 2, "lookup": 1, "restock": 1},
         "restock_units": 2, "quantity": {"min": 1, "max": 3}}

# strategy: what the run is like, and what is found
PLANTED_BUGS = {
    "no_idempotency_check": (DOUBLED, {"duplicate_order"}),
    "sells_one_too_many": (SCARCE, {"oversold"}),
    "loses_writes": ({}, {"lost_order"}),
    "unfenced_lock": (SCARCE, {"oversold", "conservation"}),
    "skips_a_shard": (SCARCE, {"undersold", "false_refusal"}),
    "refuses_now_and_then": ({}, {"false_refusal"}),
    "no_limit_check": ({"per_user_max": 4}, {"limit"}),
    "returns_units_twice": (MIXED, {"conservation"}),
    "replays_without_a_mark": (DOUBLED, {"replay"}),
    "replays_the_remaining_of_now": (DOUBLED, {"replay"}),
    "sells_and_says_unavailable": ({}, {"false_not_taken"}),
    "takes_more_than_asked": ({}, {"unasked_order"}),
    "restocks_without_counting": (MIXED, {"conservation"}),
    "keeps_orders_of_one_unit": ({"quantity": 3}, {"lost_order"}),
    "forgets_who_cancelled": (MIXED | {"per_user_max": 4}, {"false_refusal", "conservation"}),
    "shows_the_stock_of_the_start": ({}, {"conservation"}),
}
# what is wrong with the server itself
WRONG_SERVERS = {
    "metrics": ({}, {"metrics"}),
    "order": ({"retry": {"doubled": 0.3, "concurrent": 0}}, {"replay"}),
    "key": (DOUBLED, {"duplicate_order"}),
}
RIGHT = {
    "scarce": SCARCE,
    "limited": {"stock": 300, "per_user_max": 4, "users": 50, "connections": 50},
    "mixed": SCARCE | RETRIED | MIXED | {"per_user_max": 20, "sells_out": False,
                                         "products": ["1", "2"]},
    "hasty": HASTY,
}


def run(server, folder, terms, token_file=None, between=None):
    """The exit code of a run and its audit, and what was found.  between() is called after the load,
    before anything is asked for the audit."""
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(terms, sort_keys=False))
    for product in terms["products"]:
        server.sale(product, stock=terms["stock"], per_user_max=terms.get("per_user_max", 0),
                    reset=True)
    command = [BUILD / "tests" / "bench_audit" / "audit_drive", path, server.address[0],
               str(server.address[1]), server.admin[0], str(server.admin[1]),
               token_file or server.token_file, SEED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True,
                          env=os.environ | {"AUDIT_DRIVE_PAUSE": "1"}) as driver:
        try:
            loaded = driver.stdout.readline()
            if loaded == "loaded\n" and between:
                between()
            out, err = driver.communicate("go on\n", timeout=60)
        finally:
            driver.kill()
    assert loaded == "loaded\n" and driver.returncode in (0, 98), loaded + out + err
    return driver.returncode, json.loads(out)


def check_found(code, found, kinds):
    assert set(found["violations"]) == kinds, json.dumps(found, indent=1)
    assert code == (98 if kinds else 0)
    assert found["problem"] == "" and found["unknown_left"] == 0, json.dumps(found, indent=1)
    assert bool(found["offenders"]) == bool(kinds)


@pytest.mark.parametrize("bug", PLANTED_BUGS)
def test_a_planted_bug_is_found_and_nothing_else(bug, tmp_path):
    changes, kinds = PLANTED_BUGS[bug]
    with Server(tmp_path, "--workers", "2", strategy_name=str(PLANTED / f"{bug}.so")) as server:
        check_found(*run(server, tmp_path, scenario(**changes)), kinds)


@pytest.mark.parametrize("wrong", WRONG_SERVERS)
def test_a_wrong_server_is_found_out(wrong, tmp_path, monkeypatch):
    changes, kinds = WRONG_SERVERS[wrong]
    monkeypatch.setattr(flashsale, "binary",
                        lambda: str(BUILD / "tests" / "bench_audit" / "wrong_server"))
    with Server(tmp_path, "--workers", "2", strategy_name=str(BUILD / "strategies" / "v1.so"),
                env={"FS_WRONG": wrong}) as server:
        code, found = run(server, tmp_path, scenario(**changes))
    assert set(found["violations"]) == kinds, json.dumps(found, indent=1)
    assert code == 98


@pytest.mark.parametrize("strategy", ["v1", "v2", "v3", "v4"])
def test_a_right_server_is_accused_of_nothing(strategy, tmp_path):
    with Server(tmp_path, "--workers", "2", strategy_name=strategy) as server:
        for name, changes in RIGHT.items():
            code, found = run(server, tmp_path, scenario(**changes))
            check_found(code, found, set())
            if changes.get("sells_out"):
                assert found["left"] == 0, f"{name}: {json.dumps(found, indent=1)}"


def test_the_program_ends_with_98_and_names_the_kind(tmp_path):
    path = tmp_path / "planted.yaml"
    path.write_text(yaml.safe_dump(scenario(**SCARCE), sort_keys=False))
    bug = "sells_one_too_many"
    done = subprocess.run(
        [BUILD / "flashsale-bench", "run", "-s", path, "--no-progress", "--out", tmp_path / "out",
         "--strategy", f"{PLANTED / bug}.so,{BUILD / 'tests' / 'strategies' / 'template.so'}"],
        capture_output=True, text=True, timeout=60, check=False,
        env=flashsale.clean_environment())
    assert done.returncode == 98, done.stdout + done.stderr
    [table] = (tmp_path / "out").glob("*/accuracy.csv")
    with open(table, encoding="utf-8", newline="") as file:
        rows = {row["strategy"]: row for row in csv.DictReader(file)}
    assert (rows[bug]["ok"], rows[bug]["oversold"]) == ("0", "1")
    assert "301 units sold of 300" in rows[bug]["first_offender"]
    assert rows["template"]["ok"] == "1" and rows["template"]["sold_ledger"] == "300"


def test_a_server_that_is_gone_is_accused_of_nothing(tmp_path):
    with Server(tmp_path, "--workers", "2", strategy_name="v1") as server:
        begun = time.monotonic()
        code, found = run(server, tmp_path, scenario(**(SCARCE | RETRIED)), between=server.kill)
        assert time.monotonic() - begun < 15
    assert (code, found["violations"]) == (0, {})
    assert found["problem"] != "" and found["unanswered"] == found["looked_up"] + found["open"] > 0
    assert found["left"] == -1 and "could not be read" in found["note"]


@pytest.mark.parametrize("strategy", ["v1", "v4"])
def test_what_was_acknowledged_is_found_after_a_crash(strategy, tmp_path):
    with Server(tmp_path, "--workers", "2", strategy_name=strategy,
                listen=f"127.0.0.1:{free_port()}", admin=f"127.0.0.1:{free_port()}") as server:
        def crash():
            server.kill()
            server.start()

        code, found = run(server, tmp_path, scenario(**(RETRIED | {"stock": 400})), between=crash)
    check_found(code, found, set())
    assert found["looked_up"] == 400 and found["left"] == 0, json.dumps(found, indent=1)


def test_without_the_admin_token_the_answers_are_judged_alone(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("")
    with Server(tmp_path, "--workers", "2", strategy_name="v1") as server:
        code, found = run(server, tmp_path, scenario(**(SCARCE | RETRIED)), token_file=empty)
        assert (code, found["violations"]) == (0, {}), json.dumps(found, indent=1)
        assert found["sold_acknowledged"] + found["sold_resolved"] == 300
        assert found["unknown_left"] == 0 and "could not be read" in found["note"]
    planted = str(PLANTED / "sells_one_too_many.so")
    with Server(tmp_path / "wrong", "--workers", "2", strategy_name=planted) as server:
        code, found = run(server, tmp_path, scenario(**SCARCE), token_file=empty)
        assert (code, found["violations"]) == (98, {"oversold": 1}), json.dumps(found, indent=1)


def test_answers_that_come_too_late_are_looked_up(tmp_path):
    with Server(tmp_path, "--workers", "2", strategy_name=str(PLANTED / "answers_late.so")) as server:
        code, found = run(server, tmp_path, scenario(**HASTY))
    check_found(code, found, set())
    assert found["open"] > 0 and found["sold_resolved"] > 0, json.dumps(found, indent=1)


def test_open_answers_stay_open_where_ids_are_made_of_chance(tmp_path, monkeypatch):
    monkeypatch.setattr(flashsale, "binary",
                        lambda: str(BUILD / "tests" / "bench_audit" / "wrong_server"))
    with Server(tmp_path, "--workers", "2", strategy_name=str(PLANTED / "answers_late.so"),
                env={"FS_WRONG": "key"}) as server:
        code, found = run(server, tmp_path, scenario(**HASTY))
    assert (code, found["violations"]) == (0, {}), json.dumps(found, indent=1)
    assert found["open"] == found["unknown_left"] > 0, json.dumps(found, indent=1)
