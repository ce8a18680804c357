"""flashsale bench as a shell sees it: exit codes, sentences, the results folder, nothing left behind."""
import csv
import http.client
import http.server
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import threading
import time
import xml.etree.ElementTree

import pytest
import yaml

import flashsale
from flashsale import Server, binary, clean_environment, slowness

SCENARIOS = flashsale.TREE / "load_tests" / "scenarios"
PLANTED = pathlib.Path(binary()).parent / "tests" / "strategies" / "planted"

# What a test machine under load can promise: that something is measured, not how fast.
LENIENT = {"latency_p50_ms": "< 60000", "latency_p99_ms": "< 60000", "error_rate": "<= 1"}


def rush(**changes):
    return {"description": "a short rush", "executor": "per-vu-iterations", "users": 50,
            "iterations": 2, "time_max": "20s", "deadline": "10s", "products": ["1"],
            "quantity": 1, "stock": 10, "sells_out": True, "thresholds": dict(LENIENT)} | changes


def steady(seconds=30, **changes):
    return {"description": "a load that goes on", "executor": "constant-vus", "users": 8,
            "think": {"min": "5ms", "max": "15ms"}, "deadline": "10s", "products": ["1"],
            "quantity": 1, "stock": 1000000, "thresholds": dict(LENIENT),
            "stages": [{"name": "hold", "hold": f"{int(seconds * 1000)}ms", "target": 8}]} | changes


class Bench:
    """Runs flashsale bench in a folder of the test's own."""

    def __init__(self, folder):
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()

    def scenario(self, name, terms):
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(terms, sort_keys=False))
        return str(path)

    def command(self, *args):
        command = [binary(), "bench", *map(str, args)]
        if args and args[0] in ("run", "cost"):
            command += ["--out", str(self.folder / "results"), "--work-dir", str(self.work)]
        return command

    def __call__(self, *args, timeout=40, env=None):
        return subprocess.run(self.command(*args), capture_output=True, text=True, check=False,
                              timeout=timeout * slowness(), cwd=self.folder,
                              env=clean_environment(**(env or {})))

    def start(self, *args, **more):
        return subprocess.Popen(self.command(*args), cwd=self.folder, text=True,
                                env=clean_environment(), **more)

    def results(self):
        found = sorted((self.folder / "results").glob("*"))
        assert found, "no results folder"
        return found[-1]

    def rows(self, name):
        with open(self.results() / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def processes(self):
        """Command lines of processes that have anything to do with this folder."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.work) in words and int(path.parent.name) != os.getpid():
                found.append(words)
        return found

    def check_clean(self):
        limit = time.monotonic() + 5 * slowness()
        while self.processes() and time.monotonic() < limit:
            time.sleep(0.05)
        assert not self.processes(), "processes are left"
        assert not list(self.work.iterdir()), "folders are left"


@pytest.fixture
def bench(folder):
    one = Bench(folder)
    yield one
    one.check_clean()


def check_measured(done):
    """It ran and was accurate; a machine under load may have made the measurement invalid."""
    assert done.returncode in (0, 3), (done.returncode, done.stdout, done.stderr)
    if done.returncode == 3:
        assert "invalid" in done.stdout


def test_a_matrix_of_two_strategies_is_run_and_all_its_files_are_there(bench):
    path = bench.scenario("short", rush())
    done = bench("run", "-s", path, "--strategy", "v1,v3:batch_max=1", "--reps", "2",
                 "--name", "two", "--seed", "5")
    check_measured(done)
    assert "short" in done.stdout and "v3 batch_max=1" in done.stdout and "exact" in done.stdout
    folder = bench.results()
    assert "-two-" in folder.name and str(folder) in done.stdout
    runs = bench.rows("runs.csv")
    assert [(row["strategy"], row["variant"], row["rep"], row["order"]) for row in runs] == [
        ("v1", "", "1", "1"), ("v3", "batch_max=1", "1", "2"),
        ("v3", "batch_max=1", "2", "3"), ("v1", "", "2", "4")]
    for row in runs:
        assert (row["sold"], row["sold_out"], row["left"]) == ("10", "90", "0"), row
        assert row["accuracy_ok"] == "1" and row["stock"] == "10"
        assert float(row["latency_p50_ms"]) > 0 and float(row["latency_p99_ms"]) > 0
        assert float(row["server_cpu_us_per_purchase"]) > 0
        assert float(row["server_rss_mib_max"]) > 1
        assert row["durability"] == ("journal" if row["strategy"] == "v1" else "aof-always")
        assert row["nodes"] == ("0" if row["strategy"] == "v1" else "1")
    check_cells(folder)
    check_tables(bench, folder)
    check_machine_files(folder)


def check_cells(folder):
    for subject, is_redis in (("v1", False), ("v3+batch_max=1", True)):
        for rep in (1, 2):
            cell = folder / "cells" / subject / "short" / f"rep-{rep}"
            names = {path.name for path in cell.iterdir()}
            expected = {"result.json", "latency.hgrm", "service.hgrm", "metrics.before.prom",
                        "metrics.after.prom", "resources.csv", "redis.csv", "server.log"}
            assert expected <= names, names
            assert ("redis.info.json" in names) == is_redis
            result = json.loads((cell / "result.json").read_text())
            assert result["audit"]["ok"] and result["figures"]["sold"] == 10
            assert "Value" in (cell / "latency.hgrm").read_text()
            with open(cell / "resources.csv", newline="", encoding="utf-8") as file:
                seen = {row["process"] for row in csv.DictReader(file)}
            assert {"server", "generator", "system"} <= seen
            if is_redis:
                assert "redis-0" in seen
                info = json.loads((cell / "redis.info.json").read_text())
                assert len(info) == 1
                assert info[0]["after"]["total_commands_processed"] > \
                    info[0]["before"]["total_commands_processed"]


def check_tables(bench, folder):
    summary = bench.rows("summary.csv")
    assert [(row["strategy"], row["reps"]) for row in summary] == [("v1", "2"), ("v3", "2")]
    assert {"tps_sold_median", "tps_sold_min", "tps_sold_max"} <= set(summary[0])
    accuracy = bench.rows("accuracy.csv")
    assert len(accuracy) == 4
    assert all(row["ok"] == "1" and row["oversold"] == "0" and row["sold_ledger"] == "10"
               for row in accuracy), accuracy
    thresholds = bench.rows("thresholds.csv")
    assert {row["status"] for row in thresholds} <= {"pass", "reported"}
    assert {"default", "scenario"} == {row["source"] for row in thresholds}
    series = bench.rows("timeseries.csv")
    assert sum(int(row["sold"]) for row in series) == 40
    assert series[-1]["stock_left"] == "0"
    assert not list(folder.rglob("*.tmp"))


def check_machine_files(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema_version"] == 1 and manifest["seed"] == 5
    assert manifest["command"][-1] and "--reps" in manifest["command"]
    assert manifest["order"] == ["v1/short/rep-1", "v3+batch_max=1/short/rep-1",
                                 "v3+batch_max=1/short/rep-2", "v1/short/rep-2"]
    assert manifest["versions"]["kernel"] and manifest["versions"]["flashsale"]
    assert manifest["machine"]["cores"] >= 1 and manifest["pinning"]["server"]
    cases = xml.etree.ElementTree.parse(folder / "junit.xml").getroot().findall(".//testcase")
    assert len(cases) == 4 and not [c for c in cases if c.find("failure") is not None]
    lists = json.loads((folder / "github-benchmark.json").read_text())
    assert set(lists) == {"customBiggerIsBetter", "customSmallerIsBetter"}
    resolved = (folder / "config.resolved.yaml").read_text()
    assert len(list(yaml.safe_load_all(resolved))) == 2 and "batch_max" in resolved
    assert (folder / "scenarios" / "short.yaml").exists()


def test_json_is_one_object_and_progress_can_be_silent(bench):
    path = bench.scenario("short", rush())
    done = bench("run", "-s", path, "--strategy", "v1", "--json", "--no-progress")
    check_measured(done)
    told = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode and told["cells"][0]["scenario"] == "short"
    assert "offered" not in done.stderr


def test_each_of_our_scenarios_can_be_listed_and_validated(bench):
    listed = json.loads(bench("list", "--json").stdout)
    names = {one["name"] for one in listed}
    assert {"baseline", "load", "spike", "stress", "soak", "rush", "throughput", "open", "hot",
            "retry", "mixed"} <= names
    done = bench("validate", *sorted(SCENARIOS.glob("*.yaml")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": fine") == len(names)


def test_scenarios_can_be_listed_with_commas(bench):
    done = bench("run", "-s", "rush,throughput,no_such", "--strategy", "v1")
    assert done.returncode == 2
    assert "there is no scenario no_such" in done.stderr and "rush" not in done.stderr


def test_a_mistake_in_a_scenario_is_told_with_its_place_before_anything_starts(bench):
    wrong = bench.folder / "wrong.yaml"
    wrong.write_text(yaml.safe_dump(rush(), sort_keys=False).replace("users:", "usres:"))
    for args in (["validate", wrong], ["run", "-s", wrong]):
        done = bench(*args)
        assert done.returncode == 2
        assert re.search(r"wrong\.yaml:\d+:\d+: .*usres.*did you mean.*users", done.stderr), done
    metric = bench.scenario("metric", rush(thresholds={"latency_p98_ms": "< 5"}))
    done = bench("validate", metric)
    assert done.returncode == 2 and "latency_p98_ms" in done.stderr, done.stderr
    assert not (bench.folder / "results").exists()


@pytest.mark.parametrize("args, part", [
    ([], "run"), (["rnu"], "did you mean run"), (["run", "-s", "rsh"], "did you mean rush"),
    (["run", "--strategy", "v9", "-s", "rush"], "v9"),
    (["run", "--profile", "smok"], "did you mean smoke"),
    (["run", "--sede", "1"], "did you mean --seed"), (["run", "--reps", "0"], "1 to 1000"),
    (["list", "--profile"], "needs a value"), (["run", "extra"], "extra"),
    (["run", "--cores", "0/9999/0"], "--cores"), (["run", "--admin", "x"], "--target"),
    (["run", "--name", "a/b", "-s", "rush"], "--name"), (["validate"], "needs files"),
    (["cost", "extra"], "extra"), (["list", "extra"], "extra"),
    (["run", "--program", "/nowhere", "-s", "rush"], "/nowhere"),
    (["run", "--strategy", "v1:nothing=1", "-s", "rush", "--profile", "smoke"],
     "no option nothing"),
])
def test_wrong_usage_is_2_with_a_sentence(bench, args, part):
    done = bench(*args)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert part in done.stderr


@pytest.mark.parametrize("args", [["help"], ["--help"], ["help", "run"], ["run", "--help"],
                                  ["cost", "-h"]])
def test_help_goes_to_stdout_with_0(bench, args):
    done = bench(*args)
    assert done.returncode == 0 and "flashsale bench" in done.stdout


def wait_for_line(process, text):
    limit = time.monotonic() + 20 * slowness()
    while time.monotonic() < limit and process.poll() is None:
        if text in process.stderr.readline():
            return
    raise AssertionError(f"nothing said {text!r}")


def wait_for_load(process):
    wait_for_line(process, "the load starts")
    time.sleep(0.3)


def test_a_generator_that_could_not_keep_up_is_3_in_words(bench):
    path = bench.scenario("by_the_clock", {
        "executor": "constant-arrival-rate", "users": 20, "connections": 20,
        "description": "a request each 2 ms", "deadline": "5s", "products": ["1"],
        "quantity": 1, "stock": 1000000, "thresholds": dict(LENIENT),
        "stages": [{"name": "hold", "hold": "3s", "target": 500}]})
    with bench.start("run", "-s", path, "--strategy", "v1", stderr=subprocess.PIPE,
                     stdout=subprocess.PIPE) as process:
        wait_for_load(process)
        process.send_signal(signal.SIGSTOP)  # as if it had no CPU
        time.sleep(0.4)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=30 * slowness())
    assert process.returncode == 3, (process.returncode, out, err)
    assert re.search(r"invalid: .*generator", out)
    assert bench.rows("runs.csv")[0]["valid"] == "0"
    assert "generator" in bench.rows("runs.csv")[0]["invalid_reason"]


def test_a_violation_is_98_whatever_else_and_names_the_first_offenders(bench):
    planted = PLANTED / "sells_one_too_many.so"
    if not planted.exists():
        pytest.skip("planted bugs are not built under sanitizers")
    path = bench.scenario("short", rush(thresholds={"latency_p99_ms": "< 0.000001"}))
    done = bench("run", "-s", path, "--strategy", planted)
    assert done.returncode == 98, (done.returncode, done.stdout, done.stderr)
    assert "VIOLATED" in done.stdout and "oversold" in done.stdout
    row = bench.rows("accuracy.csv")[0]
    assert row["ok"] == "0" and int(row["oversold"]) >= 1 and row["first_offender"]
    cases = xml.etree.ElementTree.parse(bench.results() / "junit.xml").getroot()
    assert cases.find(".//failure[@type='accuracy']") is not None


def test_a_threshold_that_is_crossed_is_99_and_named(bench):
    path = bench.scenario("short", rush(thresholds=LENIENT | {"tps_sold": "> 1000000000"}))
    done = bench("run", "-s", path, "--strategy", "v1")
    assert done.returncode in (3, 99), (done.returncode, done.stdout, done.stderr)
    if done.returncode == 99:
        assert re.search(r"tps_sold is [\d.e+]+/s, not > 1e\+09", done.stdout)
        row = [r for r in bench.rows("thresholds.csv") if r["metric"] == "tps_sold"][0]
        assert row["status"] == "fail" and row["source"] == "scenario" and row["unit"] == "/s"


def test_a_server_that_does_not_start_fails_its_cell_and_the_run_goes_on(bench):
    broken = bench.folder / "flashsale"
    broken.write_text(f"#!/bin/sh\ncase \"$*\" in *\"--strategy v2\"*) echo broken; exit 7;; esac\n"
                      f"exec {binary()} \"$@\"\n")
    broken.chmod(0o755)
    path = bench.scenario("short", rush())
    done = bench("run", "-s", path, "--strategy", "v2,v1", "--program", broken)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert "broken" in done.stdout
    runs = bench.rows("runs.csv")
    assert [row["valid"] for row in runs][0] == "0" and "broken" in runs[0]["invalid_reason"]
    assert runs[1]["sold"] == "10"


def test_ctrl_c_once_stops_and_still_reports(bench):
    path = bench.scenario("long", steady())
    with bench.start("run", "-s", path, "--strategy", "v1,v3", stderr=subprocess.PIPE,
                     stdout=subprocess.PIPE) as process:
        wait_for_load(process)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30 * slowness())
    assert time.monotonic() - started < 10 * slowness()
    assert process.returncode == 3, (process.returncode, out, err)
    assert "stopped" in out.lower() and "long" in out
    runs = bench.rows("runs.csv")
    assert len(runs) == 1 and runs[0]["accuracy_ok"] == "1" and int(runs[0]["sold"]) > 0
    assert json.loads((bench.results() / "manifest.json").read_text())["stopped_early"] is True


def test_ctrl_c_twice_ends_at_once_and_leaves_nothing(bench):
    path = bench.scenario("long", steady(deadline="30s", think={"min": "5s", "max": "5s"}))
    with bench.start("run", "-s", path, "--strategy", "v3", stderr=subprocess.PIPE,
                     stdout=subprocess.DEVNULL) as process:
        wait_for_load(process)
        assert bench.processes()
        process.send_signal(signal.SIGINT)
        wait_for_line(process, "Once more ends at once")  # two at once would be one
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10 * slowness())
    assert process.returncode in (130, 3)


def test_killing_the_program_takes_server_and_redis_with_it(bench):
    path = bench.scenario("long", steady())
    with bench.start("run", "-s", path, "--strategy", "v3", stderr=subprocess.PIPE,
                     stdout=subprocess.DEVNULL) as process:
        wait_for_load(process)
        assert any("redis-server" in words for words in bench.processes())
        process.kill()
        process.communicate()
    limit = time.monotonic() + 10 * slowness()
    while bench.processes() and time.monotonic() < limit:
        time.sleep(0.05)
    assert not bench.processes()
    for left in bench.work.iterdir():  # nobody was there to remove it
        shutil.rmtree(left)


def test_on_a_terminal_one_block_is_drawn_over(bench):
    path = bench.scenario("long", steady(seconds=1.5))
    ours, theirs = pty.openpty()
    with bench.start("run", "-s", path, "--strategy", "v1", stderr=theirs,
                     stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            text += part
    os.close(ours)
    assert re.search(rb"\x1b\[\d+A\x1b\[J", text), text
    assert b"offered" in text and b"p99" in text and b"CPU: server" in text


def test_a_server_that_runs_already_can_be_the_target(bench, make_server):
    server = make_server().start()
    path = bench.scenario("short", rush())
    url = "http://%s:%d" % server.address
    done = bench("run", "-s", path, "--target", url, "--admin", "http://%s:%d" % server.admin,
                 "--admin-token", server.token_file)
    check_measured(done)
    row = bench.rows("runs.csv")[0]
    assert row["strategy"] == flashsale.strategy() and row["sold"] == "10"
    assert row["accuracy_ok"] == "1"
    assert server.is_running() and server.stock("1") == 0
    done = bench("run", "-s", path, "--target", url)
    assert done.returncode in (0, 3), (done.stdout, done.stderr)
    assert "--admin" in done.stderr, "that the ledger was not read must be said"
    assert bench.rows("runs.csv")[0]["accuracy_ok"] == "" and " answers " in done.stdout
    assert bench.rows("accuracy.csv")[0]["sold_ledger"] == ""


class AdminWithoutAudits(http.server.BaseHTTPRequestHandler):
    """An admin listener's proxy that loses one kind of answer."""
    admin = None

    def do_GET(self):
        size = int(self.headers.get("Content-Length") or 0)
        asked = http.client.HTTPConnection(*self.admin, timeout=10)
        path = "/nowhere" if self.path.endswith("/audit") else self.path
        asked.request(self.command, path, self.rfile.read(size), dict(self.headers))
        answer = asked.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        asked.close()

    do_PUT = do_PATCH = do_GET

    def log_message(self, *_):
        pass


def test_a_ledger_that_cannot_be_read_leaves_the_accuracy_unproven_with_3(bench, make_server):
    server = make_server().start()
    handler = type("Handler", (AdminWithoutAudits,), {"admin": server.admin})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        done = bench("run", "-s", bench.scenario("short", rush()), "--target",
                     "http://%s:%d" % server.address, "--admin",
                     "http://127.0.0.1:%d" % proxy.server_port, "--admin-token", server.token_file)
        proxy.shutdown()
    assert done.returncode == 3, (done.returncode, done.stdout, done.stderr)
    assert re.search(r"accuracy not proven: GET /admin/products/1/audit answered 404", done.stdout)
    row = bench.rows("runs.csv")[0]
    assert (row["accuracy_ok"], row["violations"], row["left"], row["sold"]) == ("", "0", "", "10")
    status = {row["metric"]: row["status"] for row in bench.rows("thresholds.csv")}
    assert status["accuracy_ok"] == status["left"] == "reported"
    cases = xml.etree.ElementTree.parse(bench.results() / "junit.xml").getroot()
    assert cases.find(".//skipped[@type='not proven']") is not None


def test_a_redis_of_the_users_is_left_as_it_was(bench):
    import redis_server
    with redis_server.RedisServer(bench.folder / "redis") as redis:
        redis.ask("SET", "mine", "1")
        path = bench.scenario("short", rush())
        done = bench("run", "-s", path, "--strategy", "v1,v3", "--redis", redis.url)
        check_measured(done)
        assert [row["sold"] for row in bench.rows("runs.csv")] == ["10", "10"]
        assert redis.ask("KEYS", "*") == ["mine"]


def test_cost_compares_with_null(bench):
    done = bench("cost", "--reps", "1", "--strategy", "bare,null,v1", "--connections", "16", "--profile", "smoke")
    assert done.returncode in (0, 3), (done.returncode, done.stdout, done.stderr)
    assert "| null |" in done.stdout and "| v1 |" in done.stdout
    with open(bench.results() / "cost.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["strategy"] for row in rows] == ["bare", "null", "v1"]
    assert all(float(row["server_cpu_us_per_purchase"]) > 0 for row in rows)


def test_compare_says_what_python_lacks(bench):
    done = bench("compare", "/nowhere", "/nowhere", env={"FLASHSALE_PYTHON": "/nowhere/python"})
    assert done.returncode == 1 and "/nowhere/python" in done.stderr and "apt" in done.stderr
