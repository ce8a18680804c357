"""What the report finds in figures: each rule has its sentence, and none speaks without a measurement."""
import math
import re

import pytest

from helpers import blocks_of, make, replace
from results_report import analysis, findings, folder

# What is found.  Each golden sentence stands for a rule, and rests on figures of the made folder.
GOLDEN = [
    ("lock-contention", "v2", {"run": {"lock_contention": 0.613, "lock_attempts": 12345}},
     "v2 in throughput: 61 % of 12,345 attempts at the lock waited or were refused (target under 30 %)."),
    ("lock-wait", "v2", {"run": {"lock_wait_p99_ms": 48, "latency_p99_ms": 52}},
     "v2 in throughput: one purchase in a hundred waits 48 ms or more for the lock, of a P99 of 52 ms "
     "in all."),
    ("lock-line", "v2", {"redis": [45], "run": {"tps_sold": 2000, "latency_p50_ms": 30.5,
                                               "store_commands_per_purchase": 2, "lock_attempts": 4000}},
     "v2 in throughput: purchases take turns at the lock, 2,000 a second, while no core is full; the "
     "median of 30.5 ms is that of about 61 turns."),
    ("redis-cpu", "v3", {"redis": [97], "run": {"redis_cpu_us_per_purchase": 8.4}},
     r"v3 in throughput: redis-0 used \d\d % of a core in its busiest seconds \(mean 9\d %\), 8.40 us of "
     r"Redis a purchase. Redis decides on one thread, so this is its limit."),
    ("redis-uneven", "v4", {"redis": [60, 20]},
     r"v4 in throughput: redis-0 works at (59|60|61) % of a core while redis-1 works at 20 %\."),
    ("unbatched", "v3", {"redis": [97], "run": {"store_batch_mean": 1.04}},
     r"v3 in throughput: a store command carried 1.04 purchases on average while Redis used \d\d+ % of "
     r"a core\."),
    ("server-cpu", "v1", {"server": 95, "run": {"server_cpu_us_per_purchase": 10.5}},
     r"v1 in throughput: the server used 9\d % of its one core in its busiest seconds \(mean 9\d %\); a "
     r"purchase costs it 10.5 us\."),
    ("machine-full", "v3", {"system": 196, "server": 80, "redis": [60]},
     r"v3 in throughput: the machine's 2 cores were 9\d+ % busy in the busiest seconds \(mean 9\d %\), "
     r"so its processes wait for each other: server \d\d %, redis-0 \d\d % and generator 5\d % of a "
     r"core\."),
    ("loop-lag", "v1", {"run": {"loop_lag_p99_ms": 12.5, "latency_p99_ms": 20}},
     "v1 in throughput: the event loop ran 12.5 ms late at P99, of a response time P99 of 20 ms."),
    ("refused", "v1", {"run": {"transport": 37, "answered": 963}},
     "v1 in throughput: 37 requests (3.70 %) ended in a refused, reset or broken connection."),
    ("redis-rejected", "v3", {"rejected": 5},
     "v3 in throughput: Redis rejected 5 connections (maxclients)."),
    ("turned-away", "v2", {"run": {"busy": 80, "unavailable": 20, "answered": 1000}},
     "v2 in throughput: 10 % of the answers were 'busy' or 'unavailable' (503): nothing was taken, and "
     "the buyer has to ask again."),
    ("queueing", "v3", {"run": {"latency_p99_ms": 900, "service_p99_ms": 45}},
     "v3 in throughput: P99 is 900 ms from the intended start but 45 ms from the moment of sending: "
     "requests queue before they are sent, since earlier ones are slow."),
    ("fragmentation", "v3", {"fragmented": 1.8},
     "v3 in throughput: Redis holds 1.80 times the memory that it uses (120 MiB used)."),
    ("generator", "v1", {"run": {"generator_busy": 0.97}},
     "v1 in throughput: the generator's busiest thread was at 97 % of its core: the server may be able "
     "to do more than was measured, and times include the generator's own waiting."),
]


@pytest.mark.parametrize("kind, name, model, sentence", GOLDEN, ids=[g[0] for g in GOLDEN])
def test_a_bottleneck_is_named_with_the_figures_that_show_it(tmp_path, kind, name, model, sentence):
    found = {one.kind: one for one in findings.find(folder.Results(make(tmp_path, model, name=name)))}
    assert kind in found, sorted(found)
    wanted = sentence if "\\" in sentence else re.escape(sentence)
    assert re.fullmatch(wanted, found[kind].sentence), found[kind].sentence
    assert found[kind].advice.endswith(".")


def test_programs_that_are_no_part_of_the_run_are_told(tmp_path):
    path = make(tmp_path, {"system": 260, "server": 30})
    found = findings.find(folder.Results(path))
    assert re.search(r"2 cores were 100 % busy .* and programs that are no part of this run 1\d\d % of a "
                     r"core\.$", found[0].sentence)
    assert found[0].advice == "Stop the other programs on this machine, and measure again."


@pytest.mark.parametrize("change", [
    {"server": 95}, {"redis": [97]}, {"run": {"store_commands_per_purchase": 0.2}},
    {"run": {"latency_p50_ms": 2}}], ids=["server", "redis", "batched", "short"])
def test_a_line_at_the_lock_is_named_only_where_nothing_else_is_full(tmp_path, change):
    run = {"tps_sold": 2000, "latency_p50_ms": 30, "store_commands_per_purchase": 2,
           "lock_attempts": 4000, **change.get("run", {})}
    path = make(tmp_path, {"redis": [45], **change, "run": run}, name="v2")
    assert "lock-line" not in {one.kind for one in findings.find(folder.Results(path))}


def test_every_rule_has_a_golden_sentence():
    tested = {kind for kind, *_ in GOLDEN} | {"memory-drift", "slow-down"}
    assert tested == {rule.kind for rule in findings.RULES}


def test_nothing_is_found_where_nothing_is_near_its_limit(tmp_path):
    path = make(tmp_path)
    assert findings.find(folder.Results(path)) == []
    assert re.search(r"None: no lock.*The busiest process was server of v3 in throughput at 4\d % of "
                     r"its CPU\.", blocks_of(path))


def test_nothing_is_found_in_what_was_not_measured(tmp_path):
    empty = {name: "" for name in folder.RUN_COLUMNS if name not in (
        *folder.RUN_TEXTS, "schema_version", "rep", "valid", "answered",
        "sold_units")}
    path = make(tmp_path / "empty", {"run": empty})
    for file in path.rglob("re*.csv"):
        file.unlink()
    assert findings.find(folder.Results(path)) == []


def test_advice_fits_the_strategy(tmp_path):
    for name, wanted in (("v2", "Use v3"), ("v3", "Use v4"), ("v4", "Add Redis servers")):
        found = findings.find(folder.Results(make(tmp_path / name, {"redis": [97]}, name=name)))
        assert found[0].advice.startswith(wanted)


def test_the_breaking_point_is_the_first_step_that_answers_too_little(tmp_path):
    path = make(tmp_path, {"capacity": 9000}, ["stress"], length=40)
    broken = analysis.breaking_point(folder.Results(path).cells[0])
    assert (broken.before.users, broken.step.users) == (3000, 3500)
    assert re.fullmatch(r"8\d(\.\d)? % of what was offered was answered, under 95 %", broken.reason)


def test_a_hiccup_at_the_end_of_a_step_is_no_breaking_point(tmp_path):
    path = make(tmp_path, {"capacity": 90000}, ["stress"], length=40)
    lines = [line.split(",") for line in (path / "timeseries.csv").read_text().splitlines()]
    offered, answered = (lines[0].index(name) for name in ("offered", "answered"))
    late = int(lines[12][offered]) // 2
    lines[12][answered] = str(int(lines[12][answered]) - late)
    lines[13][answered] = str(int(lines[13][answered]) + late)
    (path / "timeseries.csv").write_text("\n".join(",".join(line) for line in lines) + "\n")
    assert analysis.breaking_point(folder.Results(path).cells[0]) is None


def test_a_step_over_its_own_target_breaks_as_well(tmp_path):
    path = make(tmp_path, {"capacity": 9000, "base_ms": 10}, ["stress"], length=40)
    replace(path / "thresholds.csv", "latency_p99_ms,<,500", "latency_p99_ms,<,50")
    broken = analysis.breaking_point(folder.Results(path).cells[0])
    assert broken.step.users < 3500 and "is over 50 ms" in broken.reason


def test_a_server_that_holds_every_step_has_no_breaking_point(tmp_path):
    path = make(tmp_path, {"capacity": 90000}, ["stress"], length=40)
    assert analysis.breaking_point(folder.Results(path).cells[0]) is None
    assert "held every step up to 5,000 users" in blocks_of(path)


def test_a_leak_and_a_slow_down_are_found_in_a_soak_and_only_there(tmp_path):
    path = make(tmp_path / "bad", {"leak_mib": 20, "drift": 0.5}, ["soak"], length=60)
    found = {one.kind: one.sentence for one in findings.find(folder.Results(path))}
    assert re.fullmatch(r"v3 in soak: the server's memory went from 3\d\.\d MiB in the first tenth to "
                        r"5\d\.\d MiB in the last, 1,[12]\d\d MiB an hour, "
                        r"\d\d\d bytes for each order sold meanwhile\.", found["memory-drift"])
    assert re.fullmatch(r"v3 in soak: the median response time went from .* \+4\d %\.",
                        found["slow-down"])
    path = make(tmp_path / "good", {}, ["soak"], length=60)
    assert findings.find(folder.Results(path)) == []


def test_recovery_is_counted_from_the_end_of_the_spike(tmp_path):
    path = make(tmp_path, {"capacity": 2500}, ["spike"], length=40)
    back = analysis.recovery(folder.Results(path).cells[0])
    assert back.seconds == 1 and back.peak_p99_ms > 10 * back.before_p99_ms


def change_after(path, first, last, **cells):
    """Writes cells into the seconds first to last behind the spike."""
    lines = [line.split(",") for line in (path / "timeseries.csv").read_text().splitlines()]
    after = [line for line in lines if line[lines[0].index("stage")] == "after"]
    for line in after[first:last]:
        for name, value in cells.items():
            line[lines[0].index(name)] = str(value)
    (path / "timeseries.csv").write_text("\n".join(",".join(line) for line in lines) + "\n")
    return analysis.recovery(folder.Results(path).cells[0])


def test_a_server_that_answers_nothing_has_not_recovered(tmp_path):
    path = make(tmp_path, {"capacity": 2500}, ["spike"], length=60)
    back = change_after(path, 0, 12, answered=0, latency_p50_ms="", latency_p99_ms="")
    assert back.seconds == 13 and back.watched_s == 24
    assert math.isnan(change_after(path, 0, 99, answered=0, latency_p99_ms="").seconds)


def test_one_good_second_is_no_recovery(tmp_path):
    path = make(tmp_path, {"capacity": 2500}, ["spike"], length=60)
    change_after(path, 0, 1, latency_p99_ms=900)
    assert change_after(path, 2, 8, latency_p99_ms=900).seconds == 9


def test_a_run_that_ends_soon_after_its_spike_judges_no_recovery(tmp_path):
    path = make(tmp_path, {"capacity": 2500, "stuck": True}, ["spike"], length=20)
    whole = blocks_of(path)
    assert "| not within 8 s | not measured |" in whole and "**PASS**" in whole
