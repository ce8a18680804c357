"""scripts/analyze_results.py: what it reads, refuses, finds, draws and writes."""
import html.parser
import json
import math
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import numpy
import pytest

import analyze_results
import make_results
from results_report import (ReportError, analysis, charts_cells, charts_time, document, figures,
                            findings, folder, hgrm, outside, report, text)

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/analyze_results.py"
PLAN_PLOTS = {"throughput", "response_times", "error_rate", "users"}
OUR_PLOTS = {"offered_answered", "percentiles", "stock", "outcomes", "cpu", "stress", "soak"}
pytestmark = pytest.mark.limit(200)  # the first test waits for a whole report
CALM = {"capacity": 9000, "base_ms": 0.4, "server": 40, "redis": [20], "lock": None,
        "durability": "aof-always"}


class Done:
    """What a call of the script's main() left: exit code, and what was printed."""

    def __init__(self, captured, code):
        self.returncode, (self.stdout, self.stderr) = code, captured


@pytest.fixture
def analyze(capsys):
    """The script called in this process: a start of Python with pandas takes a second."""
    def call(*arguments):
        capsys.readouterr()
        code = analyze_results.main([str(argument) for argument in arguments])
        return Done(capsys.readouterr(), code)
    return call


def make(path, model=None, scenarios=("throughput",), name="v3", **more):
    """A folder of one strategy, CALM but for model."""
    more = {"reps": 1, "length": 5, **more}
    return make_results.make(path, scenarios, {name: {**CALM, **(model or {})}}, **more)


def replace(path, before, after):
    whole = path.read_text()
    assert before in whole
    path.write_text(whole.replace(before, after, 1))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a report, made once: two strategies under scenarios of every kind."""
    path = make_results.make(tmp_path_factory.mktemp("made"), ("rush", "stress", "soak"),
                             {n: make_results.STRATEGIES[n] for n in ("v1", "v2")}, reps=2, length=22)
    done = subprocess.run([sys.executable, "-B", str(SCRIPT), str(path)], capture_output=True,
                          text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return path


class Page(html.parser.HTMLParser):
    """Tags that are open, ids, and what the page would load."""

    def __init__(self, source):
        super().__init__()
        self.open, self.ids, self.loads, self.local = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag not in ("meta", "path", "use", "rect", "circle", "link", "img"):
            self.open.append(tag)
        self.ids += [values["id"]] if values.get("id") else []
        for name in ("src", "href", "xlink:href"):
            if values.get(name):
                (self.local if values[name].startswith("#") else self.loads).append(values[name])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open[-1] == tag, f"</{tag}> while {self.open[-3:]} are open"
            self.open.pop()


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


def test_the_markdown_follows_the_plans_template_with_the_verdict_first(written):
    lines = (written / "report.md").read_text().splitlines()
    assert lines[2].startswith("**FAIL: ")
    headings = [line[3:] for line in lines if line.startswith("## ")]
    wanted = ["Summary", "Targets", "Strategies side by side", "Bottlenecks found", "Recommendations",
              "Accuracy", "Plots", "Environment", "How to read this"]
    assert [h for h in headings if h in wanted] == wanted
    assert "| metric | strategy | value | target | status |" in lines
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


def blocks_of(path):
    title, blocks, _ = report.build(folder.Results(path))
    return document.markdown(title, blocks)


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
    assert "Not audited: v3 in throughput." in blocks_of(path)
    assert analyze(path, "--no-html").returncode == 0


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


# What is found.  Each golden sentence stands for a rule, and rests on figures of the made folder.
GOLDEN = [
    ("lock-contention", "v2", {"run": {"lock_contention": 0.613, "lock_attempts": 12345}},
     "v2 in throughput: 61 % of 12,345 attempts at the lock waited or were refused (target under 30 %)."),
    ("lock-wait", "v2", {"run": {"lock_wait_p99_ms": 48, "latency_p99_ms": 52}},
     "v2 in throughput: one purchase in a hundred waits 48 ms or more for the lock, of a P99 of 52 ms "
     "in all."),
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
    ("machine-full", "v3", {"system": 196, "server": 80},
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
                        r"5\d\.\d MiB in the last, 1,[12]\d\d MiB an hour\.", found["memory-drift"])
    assert re.fullmatch(r"v3 in soak: the median response time went from .* \+4\d %\.",
                        found["slow-down"])
    path = make(tmp_path / "good", {}, ["soak"], length=60)
    assert findings.find(folder.Results(path)) == []


def test_recovery_is_counted_from_the_end_of_the_spike(tmp_path):
    path = make(tmp_path, {"capacity": 2500}, ["spike"], length=40)
    back = analysis.recovery(folder.Results(path).cells[0])
    assert back.seconds == 1 and back.peak_p99_ms > 10 * back.before_p99_ms


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


# Locust and JMeter

HISTORY = """Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,95%,99%,Total Request Count,\
Total Failure Count
100,0,,Aggregated,0,0,N/A,N/A,N/A,0,0
101,20,,Aggregated,0,0,1,3,9,50,0
102,20,,Aggregated,20,0,1,3,8,110,1
"""
STATS = """Type,Name,Request Count,Failure Count,50%,95%,99%,Max Response Time
GET,/inventory/[id],30,0,1,2,3,4
POST,/purchase/[id] sold,70,0,2,3,9,11
POST,/purchase/[id] http_500,1,1,2,2,2,2
POST,/purchase/[id] busy,9,0,2,3,9,11
,Aggregated,110,1,1,3,9,11
"""


def locust(tmp_path, history=HISTORY, stats=STATS):
    (tmp_path / "run_stats_history.csv").write_text(history)
    (tmp_path / "run_stats.csv").write_text(stats)
    return tmp_path / "run"


def test_locusts_csv_becomes_the_plans_four_plots_and_a_judgement(tmp_path, analyze):
    prefix = locust(tmp_path)
    done = analyze(prefix)
    assert done.returncode == 0, done.stderr
    home = tmp_path / "run-report"
    assert PLAN_PLOTS <= {path.stem for path in (home / "plots").glob("*.svg")}
    whole = (home / "report.md").read_text()
    assert "| accepted purchases (TPS) | 35/s | >= 100/s | fail |" in whole
    assert "| error rate | 0.909 % | < 0.100 % | fail |" in whole
    assert "11.2 % of the purchases got 503" in whole
    assert Page((home / "report.html").read_text()).loads == []


def test_locusts_rates_come_from_its_counts_not_from_its_ten_second_means(tmp_path):
    sample = outside.read_locust(locust(tmp_path))
    assert list(sample.seconds["answered"]) == [0, 50, 60]
    assert list(sample.seconds["errors"]) == [0, 0, 1]


@pytest.mark.parametrize("history, said", [
    ("", "empty"), ("Timestamp,Name\n1,Aggregated\n", "column User Count, Total Request Count"),
    (HISTORY.splitlines()[0] + "\n", "no row named Aggregated")])
def test_a_broken_history_of_locust_is_named(tmp_path, history, said, analyze):
    done = analyze(locust(tmp_path, history))
    assert done.returncode == 2 and said in done.stderr


def test_jmeters_samples_are_told_apart_by_outcome(tmp_path):
    path = tmp_path / "out.jtl"
    rows = [f"{1000 + n},{n % 7},/purchase/[id],{200 if n < 30 else 400},true,5" for n in range(100)]
    path.write_text("timeStamp,elapsed,label,responseCode,success,allThreads\n" + "\n".join(
        rows + ["1100,9,/purchase/[id],500,false,5", "1100,9,/login,200,true,5"]) + "\n")
    kinds = outside.read_jtl(path).kinds.set_index("name")
    assert dict(kinds["count"]) == {"/purchase/[id] sold": 30, "/purchase/[id] sold_out": 70,
                                    "/purchase/[id] error": 1, "/login": 1}
    assert kinds.loc["/purchase/[id] error", "errors"] == 1


def test_a_jtl_in_xml_or_without_names_says_which_option_is_missing(tmp_path, analyze):
    path = tmp_path / "out.jtl"
    for content, said in (("<?xml", "output_format=csv"), ("1,2,3\n", "print_field_names=true")):
        path.write_text(content)
        done = analyze(path)
        assert done.returncode == 2 and said in done.stderr


def test_a_manifest_without_machine_pinning_and_versions_is_enough(tmp_path):
    path = make(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    for name in ("machine", "pinning", "versions"):
        del manifest[name]
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert "## Environment" in blocks_of(path)
