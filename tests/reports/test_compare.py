"""scripts/bench_compare.py: verdicts on seeded data, gates, and what cannot be compared."""
import csv
import json
import random
import re

import pytest

import bench_compare
import make_results
from results_report import ReportError, compare, folder

MODEL = {"capacity": 5000, "base_ms": 1.0, "server": 40, "redis": [], "lock": None,
         "durability": "journal"}


def make(path, reps=5, seed=1, names=("v1",), scenarios=("throughput",), **figures):
    """A folder whose figures are as given: each a function of the repetition's random source."""
    make_results.make(path, scenarios, {name: MODEL for name in names}, reps=1, length=2)
    rng = random.Random(seed)
    with open(path / "runs.csv", newline="", encoding="utf-8") as file:
        first = list(csv.DictReader(file))
    rows = [{**row, "rep": rep, **{name: f"{figure(rng):.6f}" for name, figure in figures.items()}}
            for row in first for rep in range(1, reps + 1)]
    make_results.write_csv(path / "runs.csv", folder.RUN_COLUMNS, rows)
    return path


def around(middle, noise=0.02):
    return lambda rng: middle * (1 + rng.gauss(0, noise))


def verdicts(a, b):
    return {row.metric: row.verdict for row in compare.rows(folder.Results(a), folder.Results(b))}


def pair(tmp_path, before, after, reps=(5, 5), metric="latency_p99_ms"):
    return (make(tmp_path / "a", reps[0], 1, **{metric: before}),
            make(tmp_path / "b", reps[1], 2, **{metric: after}))


@pytest.mark.parametrize("metric, after, verdict", [
    ("latency_p99_ms", 120, "worse"), ("latency_p99_ms", 80, "better"), ("tps_sold", 120, "better"),
    ("tps_sold", 80, "worse"), ("server_cpu_us_per_purchase", 120, "worse")])
def test_a_change_beyond_the_noise_has_a_direction(tmp_path, metric, after, verdict):
    a, b = pair(tmp_path, around(100), around(after), metric=metric)
    assert verdicts(a, b)[metric] == verdict


@pytest.mark.parametrize("before, after", [
    (around(100), around(101)), (around(100, 0.2), around(115, 0.2)), (lambda _: 100, lambda _: 100),
    (lambda _: 0, lambda _: 0)], ids=["small", "noisy", "equal", "zero"])
def test_what_noise_explains_is_no_change(tmp_path, before, after):
    assert verdicts(*pair(tmp_path, before, after))["latency_p99_ms"] == "~"


def test_the_same_thing_measured_twice_seldom_seems_to_differ():
    rng = random.Random(20261123)
    wrong = 0
    for _ in range(400):
        before, after = ([rng.gauss(100, 5) for _ in range(5)] for _ in range(2))
        wrong += compare.judge("latency_p99_ms", before, after)[3] != "~"
    assert wrong < 400 * 0.05


def test_four_repetitions_are_no_evidence(tmp_path, capsys):
    a, b = pair(tmp_path, around(100), around(200), (5, 4))
    assert verdicts(a, b)["latency_p99_ms"] == "n<5"
    assert bench_compare.main([str(a), str(b), "--fail-on", "p99>+10%"]) == 0
    out = capsys.readouterr().out
    assert "fewer than 5 valid repetitions" in out
    assert "`p99>+10%`: **not judged**: fewer than 5 valid repetitions." in out, \
        "a gate that nothing can cross is not passed"


def test_a_gate_on_a_figure_that_nobody_has_is_not_passed(tmp_path, capsys):
    a, b = pair(tmp_path, around(100), around(100))
    assert bench_compare.main([str(a), str(b), "--fail-on", "contention>+10%"]) == 0
    assert "`contention>+10%`: **not judged**: neither folder has this figure." in capsys.readouterr().out


def test_a_gate_names_the_cells_that_it_could_not_judge(tmp_path, capsys):
    a, b = (make(tmp_path / name, scenarios=("throughput", "rush"), latency_p99_ms=around(100))
            for name in "ab")
    rows = (b / "runs.csv").read_text().splitlines()
    (b / "runs.csv").write_text("\n".join(rows[:-1]) + "\n")
    assert bench_compare.main([str(a), str(b), "--fail-on", "p99>+50%"]) == 0
    assert ("`p99>+50%`: not crossed, but not judged for v1 in rush: fewer than 5 valid repetitions."
            in capsys.readouterr().out)


def test_an_invalid_repetition_does_not_count(tmp_path):
    a, b = pair(tmp_path, around(100), around(200))
    text = (b / "runs.csv").read_text().splitlines()
    at = text[0].split(",").index("valid")
    cells = text[1].split(",")
    cells[at] = "0"
    (b / "runs.csv").write_text("\n".join([text[0], ",".join(cells), *text[2:]]) + "\n")
    assert verdicts(a, b)["latency_p99_ms"] == "n<5"


def test_five_repetitions_of_twice_the_time_cross_a_gate_with_99(tmp_path, capsys):
    a, b = pair(tmp_path, around(100), around(200))
    assert bench_compare.main([str(a), str(b), "--fail-on", "tps<-5%", "--fail-on", "p99>+10%"]) == 99
    out = capsys.readouterr().out
    assert re.search(r"`p99>\+10%`: \*\*crossed\*\* by v1 in throughput \+(9|10)\d\.\d %", out)
    assert "`tps<-5%`: not crossed" in out and "| **worse** |" in out


def test_a_gate_is_not_crossed_by_less_or_by_the_better(tmp_path):
    a, b = pair(tmp_path, around(100, 0.005), around(106, 0.005))
    assert verdicts(a, b)["latency_p99_ms"] == "worse"
    assert bench_compare.main([str(a), str(b), "--fail-on", "p99>+10%"]) == 0
    assert bench_compare.main([str(b), str(a), "--fail-on", "p99>+1%"]) == 0


def test_from_none_to_some_errors_crosses_any_gate(tmp_path):
    a, b = pair(tmp_path, lambda _: 0, around(0.01), metric="error_rate")
    assert bench_compare.main([str(a), str(b), "--fail-on", "errors>+50%"]) == 99


def test_a_violated_accuracy_in_b_wins_over_a_gate(tmp_path, capsys):
    a, b = pair(tmp_path, around(100), around(200))
    rows = (b / "runs.csv").read_text().splitlines()
    at = rows[0].split(",").index("accuracy_ok")
    cells = rows[3].split(",")
    cells[at] = "0"
    (b / "runs.csv").write_text("\n".join([*rows[:3], ",".join(cells), *rows[4:]]) + "\n")
    assert bench_compare.main([str(a), str(b), "--fail-on", "p99>+10%"]) == 98
    assert "**Accuracy violated in B: v1 in throughput.**" in capsys.readouterr().out


def test_a_cell_of_one_folder_only_is_an_error_that_names_it(tmp_path, capsys):
    a = make(tmp_path / "a", names=("v1", "v3"))
    b = make(tmp_path / "b")
    assert bench_compare.main([str(a), str(b)]) == 2
    assert "b has no v3 in throughput, which" in capsys.readouterr().err
    assert bench_compare.main([str(a), str(b), "--common"]) == 0
    c = make(tmp_path / "c", scenarios=("rush",))
    assert bench_compare.main([str(b), str(c), "--common"]) == 2
    assert "no strategy and scenario in common" in capsys.readouterr().err


def test_another_schema_version_is_refused(tmp_path, capsys):
    a, b = make(tmp_path / "a"), make(tmp_path / "b")
    (b / "runs.csv").write_text((b / "runs.csv").read_text().replace("\n1,", "\n2,"))
    assert bench_compare.main([str(a), str(b)]) == 2
    assert "schema_version 2; this program reads 1" in capsys.readouterr().err


@pytest.mark.parametrize("words, said", [("p99", "not of the form"), ("p99>10", "not of the form"),
                                         ("p98>+1%", "unknown metric 'p98'")])
def test_a_rule_that_cannot_be_read_is_named(words, said):
    with pytest.raises(ReportError, match=said):
        compare.gate(words)


def test_unlike_folders_are_compared_with_a_caution(tmp_path, capsys):
    a, b = make(tmp_path / "a"), make(tmp_path / "b")
    manifest = json.loads((b / "manifest.json").read_text())
    manifest["profile"] = "full"
    (b / "manifest.json").write_text(json.dumps(manifest))
    assert bench_compare.main([str(a), str(b)]) == 0
    assert "Caution: profile differs: ci and full." in capsys.readouterr().out


def test_the_json_says_the_same(tmp_path, capsys):
    a, b = pair(tmp_path, around(100), around(200))
    assert bench_compare.main([str(a), str(b), "--json", "-", "--fail-on", "p99>+10%"]) == 99
    told = json.loads(capsys.readouterr().out)
    row = next(r for r in told["rows"] if r["metric"] == "latency_p99_ms")
    assert row["verdict"] == "worse" and row["p"] < 0.05 and row["reps"] == [5, 5]
    assert told["gates"][0]["crossed_by"][0]["strategy"] == "v1"
