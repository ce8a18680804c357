"""The engine against the real server, by the driver of tests/unit/bench_load: a few seconds in all."""
import pathlib
import subprocess

import pytest

import flashsale

BUILD = pathlib.Path(flashsale.binary()).parent
SCENARIOS = flashsale.TREE / "load_tests" / "scenarios"


def drive(server, scenario, *options, profile="smoke"):
    """{figure: number, or text}; fails when the driver fails."""
    command = [str(BUILD / "tests" / "bench_drive"), str(SCENARIOS / f"{scenario}.yaml"), profile,
               f"127.0.0.1:{server.address[1]}", str(server.admin[1]), str(server.token_file)]
    done = subprocess.run(command + [str(o) for o in options], capture_output=True, text=True,
                          timeout=60 * flashsale.slowness(), check=False,
                          env=flashsale.clean_environment())
    flashsale.check_reports(done.stderr, scenario)
    assert done.returncode == 0, done.stderr
    figures = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        figures[name] = value if name == "invalid" else float(value)
    return figures


def put(server, product, stock):
    answer = server.admin_ask("PUT", f"/admin/products/{product}", {"stock": stock, "reset": True})
    assert answer.status == 200, answer


@pytest.fixture
def v1(tmp_path):
    with flashsale.Server(tmp_path / "v1", "--workers", "1", strategy_name="v1") as server:
        yield server


def test_a_rush_of_a_thousand_sells_exactly_the_stock(v1):
    put(v1, 1, 100)
    figures = drive(v1, "rush", profile="ci")
    assert figures["sold"] == 100 and figures["answer_ok"] == 100
    assert figures["answer_sold_out"] == 900
    assert figures["offered"] == figures["answered"] == 1000
    assert figures["errors"] == 0
    assert 0 < figures["sold_out_us"] <= figures["measured_s"] * 1e6 + 1000
    assert v1.stock(1) == 0


def test_a_closed_loop_counts_what_the_server_counts(v1):
    put(v1, 1, 1_000_000)
    figures = drive(v1, "throughput")
    history = figures["history"]  # warm-up included
    assert figures["errors"] == 0 and figures["answer_ok"] == figures["answered"] > 100
    assert v1.stock(1) == 1_000_000 - history
    assert figures["connects"] == 32


def test_doubled_and_cut_purchases_are_sold_once(v1):
    for product in (1, 2):
        put(v1, product, 50)
    figures = drive(v1, "retry")
    assert figures["sold_units"] == 100
    assert figures["answer_cut"] > 0 and figures["replayed"] > 0
    assert figures["errors"] == 0
    for product in (1, 2):
        assert v1.stock(product) == 0
        v1.audit(product)


def test_buying_cancelling_and_restocking_add_up(v1):
    for product in range(1, 6):
        put(v1, product, 50)
    figures = drive(v1, "mixed")
    assert figures["errors"] == 0
    assert figures["answer_ok"] > 0 and figures["history"] > 100
    restocked = 0
    for product in range(1, 6):
        v1.audit(product)
        restocked += v1.admin_ask("GET", f"/admin/products/{product}").json()["restocked"]
    assert restocked > 0 and restocked % 50 == 0


def test_a_clock_drives_the_null_strategy(tmp_path):
    null = BUILD / "tests" / "strategies" / "null.so"
    with flashsale.Server(tmp_path / "null", "--workers", "1", strategy_name=str(null)) as server:
        figures = drive(server, "open")
    assert figures["offered"] == figures["answered"] == figures["sold"] == 160
    assert figures["errors"] == 0
