"""scripts/analyze_results.py: what it reads, refuses, finds, draws and writes."""
import json
import math
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import numpy
import pytest

import make_results
from helpers import CALM, PLAN_PLOTS, Page, blocks_of, make, replace
from results_report import ReportError, charts_cells, charts_time, figures, folder, hgrm, text

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/analyze_results.py"
OUR_PLOTS = {"offered_answered", "percentiles", "stock", "outcomes", "cpu", "stress", "soak"}
pytestmark = pytest.mark.limit(200)  # the first test waits for a whole report


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a report, made once: two strategies under scenarios of every kind."""
    path = make_results.make(tmp_path_factory.mktemp("made"), ("rush", "stress", "soak"),
                             {n: make_results.STRATEGIES[n] for n in ("v1", "v2")}, reps=2, length=22)
    done = subprocess.run([sys.executable, "-B", str(SCRIPT), str(path)], capture_output=True,
                          text=True, timeout=190, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return path


def test_a_results_folder_becomes_every_plot_as_svg_and_png(written):
    for name in PLAN_PLOTS | OUR_PLOTS:
        xml.etree.ElementTree.parse(written / f"plots/{name}.svg")
        assert (written / f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(written.rglob("*.tmp"))


def test_the_page_is_one_file_that_loads_nothing_and_refers_only_to_itself(written):
    source = (written / "report.html").read_text()
    page = Page(source)
    assert page.loads == []
    assert "url(http" not in source and "@import" not in source
    assert page.open == [] and len(page.ids) == len(set(page.ids))
    targets = {ref[1:] for ref in page.local} | set(re.findall(r"url\(#([^)]+)\)", source))
    assert targets <= set(page.ids)
    assert PLAN_PLOTS | OUR_PLOTS <= set(page.ids)
    assert "prefers-color-scheme: dark" in source and 'name="viewport"' in source


def test_every_picture_in_the_markdown_is_there(written):
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (written / "report.md").read_text())
    assert len(pictures) == len(PLAN_PLOTS | OUR_PLOTS)
    assert all((written / name).is_file() for name in pictures)


def test_accuracy_durability_and_validity_come_before_speed(written):
    lines = (written / "report.md").read_text().splitlines()
    assert lines[2].startswith("**FAIL: ")
    headings = [line[3:] for line in lines if line.startswith("## ")]
    wanted = ["Summary", "Accuracy", "Strategies side by side", "Targets", "Bottlenecks found",
              "Recommendations", "Plots", "Environment", "How to read this"]
    assert [h for h in headings if h in wanted] == wanted
    assert "| metric | strategy | value | target | status |" in lines
    side = next(line for line in lines if line.startswith("| scenario | strategy |"))
    assert side.startswith("| scenario | strategy | accurate | durability | valid runs | accepted/s")
    assert not re.search(r"\bnan\b|\bNone\b(?!:)", "\n".join(lines))


def test_every_axis_says_what_it_shows_and_colours_are_of_the_palette(written):
    results = folder.Results(written)
    palette = figures.Palette(results.labels)
    from matplotlib import pyplot
    for chart in charts_time.all_of(results, palette) + charts_cells.all_of(results, palette):
        for panel in chart.panels:
            figure, axes = pyplot.subplots()
            panel.draw(axes)
            named = [axes.get_xlabel(), axes.get_ylabel() or axes.get_yticklabels()]
            pyplot.close(figure)
            assert all(named), f"{chart.name}, {panel.title}"


def test_strategies_differ_for_the_colour_blind():
    # Vienot, Brettel, Mollon 1999: what a deuteranope sees of linear RGB.
    blind = numpy.array([[0.293, 0.707, 0], [0.293, 0.707, 0], [-0.022, 0.022, 1]])

    def seen(colour):
        rgb = numpy.array([int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)])
        return (blind @ rgb ** 2.2).clip(0, 1) ** (1 / 2.2)
    for colours in (figures.SERIES[:4], figures.DARK[:4]):
        for at, one in enumerate(colours):
            for other in colours[at + 1:]:
                assert numpy.linalg.norm(seen(one) - seen(other)) > 0.15, (one, other)
    assert len({str(dash) for dash in figures.DASHES}) == len(figures.SERIES) == len(figures.DARK)


def test_a_run_with_every_target_met_passes(tmp_path):
    assert "**PASS** (1 strategy under 1 scenario, 1 run)." in blocks_of(make(tmp_path))


def test_a_violated_accuracy_comes_before_everything_else(tmp_path):
    path = make(tmp_path, {"run": {"accuracy_ok": 0, "violations": 2, "latency_p99_ms": 900}})
    rows = (path / "accuracy.csv").read_text().splitlines()
    cells = dict(zip(rows[0].split(","), rows[1].split(",")))
    cells.update(ok="0", oversold="2", first_offender="order abc of user_17")
    (path / "accuracy.csv").write_text(rows[0] + "\n" + ",".join(cells.values()) + "\n")
    whole = blocks_of(path)
    assert whole.splitlines()[2].startswith("**FAIL: accuracy violated** in v3 in throughput.")
    assert "| v3 | throughput | 1 | oversold 2 | order abc of user_17 |" in whole


def test_invalid_runs_are_left_out_of_the_medians(tmp_path):
    path = make(tmp_path, reps=3)
    lines = (path / "runs.csv").read_text().splitlines()
    columns = lines[0].split(",")
    bad = lines[2].split(",")
    bad[columns.index("valid")], bad[columns.index("latency_p99_ms")] = "0", "9999"
    bad[columns.index("invalid_reason")] = "late starts 3 %"
    lines[2] = ",".join(bad)
    (path / "runs.csv").write_text("\n".join(lines) + "\n")
    cell = folder.Results(path).cells[0]
    assert (cell.reps, cell.valid_reps) == (3, 2) and cell.value("latency_p99_ms") < 100
    assert "1 run invalid and left out" in blocks_of(path) and "late starts 3 %" in blocks_of(path)


def test_a_cell_without_a_valid_run_is_named_in_the_verdict(tmp_path):
    path = make(tmp_path, {"run": {"valid": 0, "invalid_reason": "its core was full"}})
    assert "**INCOMPLETE**" in blocks_of(path)
    assert "No valid measurement of v3 in throughput." in blocks_of(path)


def test_empty_cells_are_unknown_not_zero(tmp_path, analyze):
    path = make(tmp_path, {"run": {"latency_p999_ms": "", "server_cpu_us_per_purchase": "",
                                   "accuracy_ok": ""}})
    assert math.isnan(folder.Results(path).cells[0].value("latency_p999_ms"))
    assert "Accuracy not proven (not audited, or a ledger was not read): v3 in throughput." in blocks_of(path)
    assert analyze(path, "--no-html").returncode == 0


@pytest.mark.parametrize("name, content, said", [
    ("manifest.json", b"[]", "must be objects"), ("manifest.json", b'{"machine": "one"}', "must be objects"),
    ("manifest.json", b"\xff\xfe", "no JSON"), ("runs.csv", b"\xff\xfe\x00", "runs.csv: "),
    ("cells/v3/throughput/rep-1/latency.hgrm", b"\xff\xfe\n1 2 3", "latency.hgrm:1: not a line of")])
def test_what_is_no_text_of_its_kind_is_named(tmp_path, analyze, name, content, said):
    path = make(tmp_path)
    (path / name).write_bytes(content)
    done = analyze(path, "--no-html")
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_a_figure_without_end_is_no_number(tmp_path, analyze):
    path = make(tmp_path, {"run": {"busy": "inf"}})
    done = analyze(path, "--no-html")
    assert done.returncode == 2 and "runs.csv:2: busy: 'inf' is no number" in done.stderr


@pytest.mark.parametrize("unread", ["-1", ""], ids=["as it was written once", "empty"])
def test_a_ledger_that_was_not_read_proves_no_accuracy(tmp_path, unread):
    path = make(tmp_path, reps=2)
    lines = [line.split(",") for line in (path / "accuracy.csv").read_text().splitlines()]
    for name in ("sold_ledger", "left", "in_transit"):
        lines[2][lines[0].index(name)] = unread
    (path / "accuracy.csv").write_text("\n".join(",".join(line) for line in lines) + "\n")
    sold = int(lines[1][lines[0].index("sold_ledger")])
    whole = blocks_of(path)
    assert "**INCOMPLETE**" in whole and "answered truly" not in whole
    assert "Accuracy not proven (not audited, or a ledger was not read): v3 in throughput." in whole
    assert "2 runs audited: 2 without a violation, 0 with. Of 1 not all ledgers could be read" in whole
    assert f"{sold:,} units sold by the ledgers (warm-up included), {sold:,} of them" in whole
    assert "| not proven |" in whole


def test_a_run_that_was_not_alone_on_its_machine_says_so(tmp_path):
    whole = blocks_of(make(tmp_path / "busy", {"system": 190, "server": 40, "redis": [20]}))
    assert re.search(r"\*\*Not alone on the machine\*\*: programs that are no part of this run took 7\d % "
                     r"of a core in the median second, most in v3 in throughput \(7\d %\)\.", whole)
    alone = blocks_of(make(tmp_path / "alone", {"system": 125, "server": 40, "redis": [20]}))
    assert "Not alone" not in alone


@pytest.mark.parametrize("reps, capacity, words", [
    (5, 20000, r"before v3 with [\d,]+\."), (1, 20000, r"of 1 repetition that is a hint, a verdict takes 5\."),
    (4, 20000, r"of 4 repetitions that is a hint"), (5, 9000, "overlap, so this is no difference yet")])
def test_the_fastest_is_named_by_as_many_repetitions_as_a_verdict_takes(tmp_path, reps, capacity, words):
    models = {"v1": {**CALM, "capacity": capacity}, "v3": CALM}
    path = make_results.make(tmp_path, ("throughput",), models, reps=reps, length=3)
    assert re.search(words, blocks_of(path).splitlines()[2]), blocks_of(path).splitlines()[2]


def test_no_targets_are_no_pass(tmp_path):
    path = make(tmp_path)
    (path / "thresholds.csv").unlink()
    assert "**INCOMPLETE** (1 strategy under 1 scenario, 1 run)." in blocks_of(path)
    assert "No targets were recorded." in blocks_of(path)


@pytest.mark.parametrize("scenario, model, length, words", [
    ("soak", {"drift": 0.5}, 60, r"slow-down of v3 in soak \(4\d\.\d %, target < 10 %\)"),
    ("spike", {"stuck": True}, 60, r"recovery of v3 in spike \(not within the run, target < 10 s\)")])
def test_missed_targets_of_long_runs_are_in_the_verdict(tmp_path, scenario, model, length, words):
    whole = blocks_of(make(tmp_path / "bad", {"capacity": 2500, **model}, [scenario], length=length))
    verdict = whole.splitlines()[2]
    assert "**FAIL" in verdict and re.search(words, verdict), verdict
    good = blocks_of(make(tmp_path / "good", {"capacity": 4000}, [scenario], length=length))
    assert re.search(r"recovery|slow-down", good.splitlines()[2]) is None


def test_a_target_of_a_long_run_that_was_judged_already_is_told_once(tmp_path):
    path = make(tmp_path, {"capacity": 2500, "drift": 0.5}, ["soak"], length=60)
    with open(path / "thresholds.csv", "a", encoding="utf-8") as file:
        file.write("v3,,soak,slowdown,<,0.1,,0.431,fail,scenario\n")
    verdict = blocks_of(path).splitlines()[2]
    assert "slow-down of the median, last tenth of v3 in soak (43.1 %, target < 10 %)" in verdict
    assert "slow-down of v3" not in verdict


def test_runs_csv_alone_makes_a_report_that_says_what_is_missing(tmp_path, analyze):
    path = make(tmp_path / "whole")
    alone = tmp_path / "alone"
    alone.mkdir()
    (path / "runs.csv").rename(alone / "runs.csv")
    done = analyze(alone)
    assert done.returncode == 0, done.stderr
    for name in ("timeseries.csv", "accuracy.csv", "thresholds.csv", "manifest.json", "cells/"):
        assert f"{name} is missing" in (alone / "report.md").read_text()


def test_a_missing_column_is_unknown_and_said(tmp_path):
    path = make(tmp_path)
    replace(path / "runs.csv", "loop_lag_p99_ms", "renamed")
    assert "no column loop_lag_p99_ms" in blocks_of(path)


@pytest.mark.parametrize("file, before, after, said", [
    ("runs.csv", "scenario", "scene", "runs.csv: column scenario is missing"),
    ("runs.csv", ",1000,1000,", ",many,1000,", "runs.csv:2: users: 'many' is no number"),
    ("timeseries.csv", "hold,1000", "hold,lots", "timeseries.csv:2: users: 'lots' is no number"),
    ("manifest.json", '"schema_version": 1', '"schema_version": 7',
     "schema_version 7; this program reads 1"),
    ("manifest.json", "{", "", "manifest.json: no JSON"),
])
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, file, before, after, said):
    path = make(tmp_path)
    replace(path / file, before, after)
    with pytest.raises(ReportError, match=re.escape(said)):
        folder.Results(path)


def test_another_schema_version_of_runs_is_refused(tmp_path):
    path = make(tmp_path)
    lines = (path / "runs.csv").read_text().splitlines()
    (path / "runs.csv").write_text("\n".join([lines[0], *("2" + x[1:] for x in lines[1:])]) + "\n")
    with pytest.raises(ReportError, match="runs.csv:2: schema_version 2; this program reads 1"):
        folder.Results(path)


@pytest.mark.parametrize("content, said", [(None, "no runs.csv"), ("", "empty"),
                                           (",".join(folder.RUN_COLUMNS) + "\n", "no repetition")],
                         ids=["none", "empty", "only-names"])
def test_a_folder_without_runs_exits_2_with_one_line(tmp_path, content, said, analyze):
    if content is not None:
        (tmp_path / "runs.csv").write_text(content)
    done = analyze(tmp_path)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_distributions_are_merged_by_counts(tmp_path):
    generator = numpy.random.default_rng(7)
    parts = [generator.lognormal(0, 1, 3000).round(3), generator.lognormal(2, 1, 1000).round(3)]
    read = []
    for number, values in enumerate(parts):
        lines = [f"{value} {0:.6f} {at}" for at, value in enumerate(sorted(values), 1)]
        (tmp_path / f"{number}.hgrm").write_text("Value Percentile TotalCount 1/(1-Percentile)\n\n"
                                                 + "\n".join(lines) + "\n#[Mean = 1]\n")
        read.append(hgrm.read(tmp_path / f"{number}.hgrm"))
    shares, values = hgrm.curve(hgrm.merge(read))
    for percentile in (50, 90, 99, 99.9):
        mine = values[numpy.searchsorted(shares, percentile / 100)]
        exact = numpy.percentile(numpy.concatenate(parts), percentile, method="inverted_cdf")
        assert mine == pytest.approx(exact)


def test_a_broken_hgrm_is_named_with_its_line(tmp_path):
    (tmp_path / "x.hgrm").write_text("Value Percentile TotalCount 1/(1-Percentile)\n\n1.0 0.5\n")
    with pytest.raises(ReportError, match="x.hgrm:3: not a line"):
        hgrm.read(tmp_path / "x.hgrm")


@pytest.mark.parametrize("value, written_as", [(0, "0"), (12345.6, "12,346"), (0.03124, "0.0312"),
                                               (7.0, "7"), (1.234, "1.23"), (math.nan, "–"),
                                               (None, "–"), (-3.456, "-3.46")])
def test_figures_have_three_significant_digits(value, written_as):
    assert text.number(value) == written_as


def test_a_manifest_without_machine_pinning_and_versions_is_enough(tmp_path):
    path = make(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    for name in ("machine", "pinning", "versions"):
        del manifest[name]
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert "## Environment" in blocks_of(path)


def test_a_short_run_is_drawn_in_buckets_of_10_ms(tmp_path):
    path = make(tmp_path, scenarios=["rush"], length=1)
    cell = folder.Results(path).cells[0]
    rows = ["ms,in_flight,offered,answered,sold_units,errors,stock_left",
            "10,1000,1000,0,0,0,100", "20,900,0,100,100,0,0", "30,0,0,900,0,0,0"]
    (cell.folders()[0] / "buckets.csv").write_text("\n".join(rows) + "\n")
    cell = folder.Results(path).cells[0]
    table, step = cell.moments("stock_left")
    assert step == 0.01 and list(table["stock_left"]) == [100, 0, 0]
    assert list(cell.moments("answered")[0]["answered"]) == [0, 10000, 90000]
    assert cell.moments("users")[1] == 1
