"""GET /metrics: the plan's names exactly, every label set bounded and there from the start."""
import re
import shutil
import subprocess

import pytest

from flashsale import bearer
from http1 import request_bytes

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"')

# name: (type, labels that each of its samples has)
WANTED = {
    "http_requests_total": ("counter", {"method", "endpoint", "status"}),
    "http_request_duration_seconds": ("histogram", {"method", "endpoint"}),
    "inventory_stock_current": ("gauge", {"product_id"}),
    "lock_acquired_total": ("counter", set()),
    "lock_failed_total": ("counter", set()),
    "lock_wait_seconds": ("histogram", set()),
    "purchase_outcomes_total": ("counter", {"strategy", "outcome"}),
    "purchase_duration_seconds": ("histogram", {"strategy"}),
    "store_command_duration_seconds": ("histogram", set()),
    "store_batch_size": ("histogram", set()),
    "store_reconnects_total": ("counter", set()),
    "store_in_flight": ("gauge", set()),
    "shard_transfers_total": ("counter", {"outcome"}),
    "build_info": ("gauge", set()),
}


class Metrics:
    def __init__(self, server):
        answer = server.admin_ask("GET", "/metrics", token="")
        assert answer.status == 200
        assert answer.get("content-type").startswith("text/plain"), answer.headers
        self.text = answer.body.decode()
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.M))
        self.helps = dict(re.findall(r"^# HELP (\S+) (.+)$", self.text, re.M))
        self.samples = {}
        for line in self.text.splitlines():
            if line and not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                key = (name, frozenset(LABEL.findall(labels or "")))
                assert key not in self.samples, f"twice: {line}"
                self.samples[key] = float(value)

    def of(self, name, **labels):
        """{labels: value} of the samples of name that have labels."""
        wanted = set(labels.items())
        return {key[1]: value for key, value in self.samples.items()
                if key[0] == name and wanted <= key[1]}

    def total(self, name, **labels):
        return sum(self.of(name, **labels).values())


@pytest.mark.parametrize("name", WANTED)
def test_a_metric_of_the_contract_is_there_with_its_labels(shared_server, name):
    metrics = Metrics(shared_server)
    kind, labels = WANTED[name]
    assert metrics.types.get(name) == kind
    assert metrics.helps.get(name)
    samples = metrics.of(f"{name}_bucket" if kind == "histogram" else name)
    if not samples and name == "http_requests_total":
        pytest.fail("no sample of it from the start")
    assert samples
    for found in samples:
        assert labels <= {label for label, _ in found}, found


def test_process_metrics_are_there(shared_server):
    metrics = Metrics(shared_server)
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
                 "process_start_time_seconds"):
        assert metrics.total(name) > 0, name


def test_promtool_finds_nothing_to_say(shared_server):
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt install prometheus"
    done = subprocess.run([promtool, "check", "metrics"], input=Metrics(shared_server).text,
                          capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", [n for n, (kind, _) in WANTED.items() if kind == "histogram"])
def test_a_histogram_adds_up(shared_server, name):
    metrics = Metrics(shared_server)
    series = {}
    for labels, value in metrics.of(f"{name}_bucket").items():
        edge = dict(labels)["le"]
        rest = frozenset(pair for pair in labels if pair[0] != "le")
        series.setdefault(rest, []).append((float(edge), value))
    for rest, buckets in series.items():
        counts = [count for _, count in sorted(buckets)]
        assert counts == sorted(counts), f"{rest}: buckets fall"
        assert sorted(buckets)[-1][0] == float("inf")
        assert metrics.samples[(f"{name}_count", rest)] == counts[-1]
        assert (f"{name}_sum", rest) in metrics.samples
    if name.endswith("_seconds"):
        edges = {edge for buckets in series.values() for edge, _ in buckets}
        assert min(edges) <= 0.0001, "buckets begin above 100 us"


def test_every_outcome_is_there_at_0_before_the_first_purchase(server):
    metrics = Metrics(server)
    outcomes = {dict(labels)["outcome"]: value
                for labels, value in metrics.of("purchase_outcomes_total").items()}
    assert {"sold", "sold_out", "busy"} <= set(outcomes)
    assert set(outcomes.values()) == {0.0}


def test_purchases_are_counted_by_outcome_and_stock_is_shown(server):
    server.sale("counted", stock=3)
    buyer = server.login("user_1")
    for _ in range(5):
        server.buy("counted", buyer)
    metrics = Metrics(server)
    assert metrics.total("purchase_outcomes_total", outcome="sold") == 3
    assert metrics.total("purchase_outcomes_total", outcome="sold_out") == 2
    assert metrics.total("purchase_duration_seconds_count") == 5
    assert metrics.total("inventory_stock_current", product_id="counted") == 0
    assert metrics.total("inventory_stock_current", product_id="1") == 100
    assert metrics.total("http_requests_total", method="POST", status="200") >= 4
    assert metrics.total("http_requests_total", method="POST", status="400") == 2
    sold = metrics.of("purchase_outcomes_total", outcome="sold")
    assert {dict(labels)["strategy"] for labels in sold} == {server.strategy}


def test_strangers_cannot_make_the_metrics_grow(server):
    with server.wire() as wire:
        wire.ask("GET", "/inventory/1")
        before = len(Metrics(server).samples)
        for number in range(300):
            wire.ask("GET", f"/path-{number}")
            wire.ask("GET", f"/inventory/unknown-{number}")
            wire.ask("POST", f"/purchase/unknown-{number}", bearer(f"x{number}"), b"{}")
            wire.ask(f"METHOD{number}", "/inventory/1")
        wire.ask("GET", "/inventory/1")
    after = Metrics(server)
    assert len(after.samples) <= before + 40, f"{before} samples became {len(after.samples)}"
    assert "path-7" not in after.text and "unknown-7" not in after.text
    assert "METHOD7" not in after.text


def test_a_broken_request_is_no_purchase(server):
    with server.wire() as wire:
        wire.send(request_bytes("POST", "/purchase/1", [("Content-Length", "5"),
                                                        ("Transfer-Encoding", "chunked")], b"0\r\n\r\n"))
        wire.answers_to_end()
    assert Metrics(server).total("purchase_outcomes_total") == 0
