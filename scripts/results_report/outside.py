"""Reports on what other generators wrote: Locust's CSV files and JMeter's .jtl.

Both become one Sample: seconds with users, answers, errors and percentiles, and a row a kind of
request.  Purchases carry their outcome in the request's name ("/purchase/[id] sold_out"), as
load_tests/locustfile.py and the JMeter file name them."""
import dataclasses
import pathlib

import numpy
import pandas

from . import ReportError, analysis, tables, text
from .document import Bullets, Heading, Picture, Table, Text
from .figures import (MUTED, SERIES, TARGET, Chart, Mark, Panel, from_zero, log_axis, nothing, plain)

QUANTILES = [("p50", "P50", "o"), ("p95", "P95", "s"), ("p99", "P99", "D"), ("max", "longest", "|")]
DEFAULT_TARGETS = [("tps_sold", ">=", 100.0), ("latency_p50_ms", "<", 100.0), ("latency_p99_ms", "<", 500.0),
        ("error_rate", "<", 0.001)]
JTL_COLUMNS = ["timeStamp", "elapsed", "label", "responseCode", "success", "allThreads"]
LOCUST_OWN = {"second": "Timestamp", "users": "User Count", "answered": "Total Request Count",
              "errors": "Total Failure Count", "p50": "50%", "p95": "95%", "p99": "99%"}
LOCUST_ROW = {"count": "Request Count", "errors": "Failure Count", "p50": "50%", "p95": "95%",
              "p99": "99%", "max": "Max Response Time"}


@dataclasses.dataclass
class Sample:
    tool: str
    source: str
    seconds: pandas.DataFrame   # second users answered errors p50 p95 p99
    kinds: pandas.DataFrame     # name count errors p50 p95 p99 max
    span_s: float
    notes: list


def read_locust(prefix):
    prefix = str(prefix)
    for end in ("_stats_history.csv", "_stats.csv"):
        prefix = prefix[:-len(end)] if prefix.endswith(end) else prefix
    history = pathlib.Path(prefix + "_stats_history.csv")
    if not history.is_file():
        raise ReportError(f"{prefix}: no results folder, and {history} is not there either, of which "
                          "PREFIX is what Locust got by --csv")
    table = _plain(history, ["Name", *LOCUST_OWN.values()])
    table = table[table["Name"] == "Aggregated"]
    if not len(table):
        raise ReportError(f"{history}: no row named Aggregated: the run ended before its first second")
    seconds = pandas.DataFrame({own: table[name] for own, name in LOCUST_OWN.items()})
    seconds = seconds.sort_values("second").drop_duplicates("second", keep="last")
    seconds["second"] -= seconds["second"].min()
    for name in ("answered", "errors"):  # Locust's own rates are means of ten seconds
        seconds[name] = seconds[name].diff().fillna(0) / seconds["second"].diff().fillna(1)
    stats = pathlib.Path(prefix + "_stats.csv")
    kinds, notes = pandas.DataFrame(columns=["name", *LOCUST_ROW]), []
    span = float(seconds["second"].max()) or 1.0
    if stats.is_file():
        rows = _plain(stats, ["Name", "Requests/s", *LOCUST_ROW.values()])
        whole = rows[(rows["Name"] == "Aggregated") & (rows["Requests/s"] > 0)]
        if len(whole):  # the history may lack its last seconds
            span = float(whole["Request Count"].iloc[0] / whole["Requests/s"].iloc[0])
        rows = rows[(rows["Name"] != "Aggregated") & (rows["Request Count"] > 0)]
        kinds = pandas.DataFrame({"name": rows["Name"],
                                  **{own: rows[name] for own, name in LOCUST_ROW.items()}})
    else:
        notes.append(f"{stats.name} is missing: no figures by request")
    notes.append("Locust rounds fast response times to whole milliseconds, counts from the sending "
                 "and shares its core with its own users: for limits use `flashsale bench`")
    return Sample("Locust", prefix, seconds, kinds, span, notes)


def _plain(path, wanted):
    """A foreign CSV: wanted columns as numbers but Name; N/A and empty are unknown."""
    try:
        table = pandas.read_csv(path, na_values=["N/A"])
    except pandas.errors.EmptyDataError:
        raise ReportError(f"{path}: empty") from None
    except (pandas.errors.ParserError, UnicodeDecodeError, OSError) as problem:
        raise ReportError(f"{path}: {str(problem).strip()}") from None
    missing = [name for name in wanted if name not in table]
    if missing:
        raise ReportError(f"{path}: column {', '.join(missing)} is missing")
    for name in wanted:
        if name != "Name":
            table[name] = pandas.to_numeric(table[name], errors="coerce")
    return table


def read_jtl(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        head = file.read(200)
    if head.lstrip().startswith("<"):
        raise ReportError(f"{path}: XML; run jmeter with -Jjmeter.save.saveservice.output_format=csv")
    if not head.startswith("timeStamp"):
        raise ReportError(f"{path}: no column names; run jmeter with "
                          "-Jjmeter.save.saveservice.print_field_names=true")
    table = tables.read(pathlib.Path(path), JTL_COLUMNS, ["timeStamp", "elapsed", "allThreads"])
    if not len(table):
        raise ReportError(f"{path}: no sample in it")
    table["failed"] = table["success"].str.lower() != "true"
    table["label"] = [_with_outcome(*row) for row in
                      zip(table["label"], table["responseCode"], table["failed"])]
    ended = table["timeStamp"] + table["elapsed"]
    begun = table["timeStamp"].min()
    table["second"] = ((ended - begun) // 1000).astype(int)
    grouped = table.groupby("second")
    quantiles = grouped["elapsed"].quantile([0.5, 0.95, 0.99]).unstack()
    seconds = pandas.DataFrame({
        "users": grouped["allThreads"].max(), "answered": grouped.size(),
        "errors": grouped["failed"].sum(), "p50": quantiles[0.5], "p95": quantiles[0.95],
        "p99": quantiles[0.99]}).reset_index()
    rows = []
    for name, part in table.groupby("label"):
        p50, p95, p99 = numpy.percentile(part["elapsed"], [50, 95, 99])
        rows.append({"name": name, "count": len(part), "errors": int(part["failed"].sum()),
                     "p50": p50, "p95": p95, "p99": p99, "max": part["elapsed"].max()})
    span = max((ended.max() - begun) / 1000, 1.0)
    return Sample("JMeter", str(path), seconds, pandas.DataFrame(rows), span, [
        "JMeter counts whole milliseconds from the sending: for limits use `flashsale bench`"])


CODES = {"200": "sold", "400": "sold_out", "409": "user_limit", "503": "busy"}


def _with_outcome(label, code, failed):
    """JMeter's file does not name outcomes; what passed its assertions is told by the status."""
    if "/purchase" not in label or " " in label:
        return label
    return f"{label} {'error' if failed else CODES.get(code, code)}"


def _purchases(sample):
    return sample.kinds[sample.kinds["name"].str.contains("/purchase")]


def _outcome(name):
    """sold, sold_out, ...: the last word of a purchase's name; "purchase" when it carries none."""
    last = name.split()[-1]
    return last if "/" not in last else "purchase"


def figures_of(sample):
    """The default targets as far as this tool can tell them."""
    bought = _purchases(sample)
    sold = bought[[_outcome(n) == "sold" for n in bought["name"]]] if len(bought) else bought
    total, errors = sample.kinds["count"].sum(), sample.kinds["errors"].sum()
    if not len(sample.kinds):
        answered = sample.seconds["answered"].sum()
        rate = sample.seconds["errors"].sum() / answered if answered else numpy.nan
        return {"error_rate": rate, "latency_p50_ms": float(sample.seconds["p50"].max()),
                "latency_p99_ms": float(sample.seconds["p99"].max())}
    rows = bought if len(bought) else sample.kinds
    found = {"latency_p50_ms": float(rows["p50"].max()), "latency_p99_ms": float(rows["p99"].max()),
             "error_rate": float(errors / total) if total else numpy.nan}
    if len(sold):
        found["tps_sold"] = float(sold["count"].sum() - sold["errors"].sum()) / sample.span_s
    return found


def charts(sample):
    seconds = sample.seconds

    def over_time(lines, label, scale=1.0, floor=None):
        def draw(axes):
            for column, colour, dash in lines:
                axes.plot(seconds["second"], seconds[column] * scale, color=colour, linestyle=dash)
            axes.set(xlabel="time since the start, s", ylabel=label)
            axes.set_xlim(left=0)
            plain(axes.xaxis)
            from_zero(axes, floor)
        return [Panel(sample.tool, draw, 3.2)]

    whole = seconds["answered"].where(seconds["answered"] > 0)
    seconds["share"] = (seconds["errors"] / whole).fillna(0)
    times = [("p50", SERIES[0], "-"), ("p95", SERIES[4], (0, (6, 2))),
             ("p99", SERIES[1], (0, (2, 1.5)))]
    found = [
        Chart("throughput", "Throughput over time", "All requests, and those of them that failed.",
              over_time([("answered", SERIES[0], "-"), ("errors", TARGET, (0, (6, 2)))],
                        "requests per second"),
              [Mark("answered", SERIES[0]), Mark("failed", TARGET, (0, (6, 2)))], 6.4),
        Chart("response_times", "Response-time distribution", "By kind of request and outcome.",
              [Panel("by request", _distribution(sample), 1.3 + 0.36 * max(2, len(sample.kinds)))],
              [Mark(words, MUTED, "none", marker) for _, words, marker in QUANTILES], 6.4),
        Chart("response_over_time", "Response times over time", "Over all requests of about a second.",
              over_time(times, "response time, ms"),
              [Mark(column.upper(), colour, dash) for column, colour, dash in times], 6.4),
        Chart("error_rate", "Error rate over time", "Failed requests; sold out and busy are outcomes.",
              over_time([("share", TARGET, "-")], "errors, % of requests", 100, floor=0.2), [], 6.4),
        Chart("users", "Users over time", "Users that ran in each second.",
              over_time([("users", SERIES[2], "-")], "users"), [], 6.4)]
    return found


def _distribution(sample):
    def draw(axes):
        known = []
        for row, (_, kind) in enumerate(sample.kinds.iterrows()):
            values = [(max(float(kind[q]), 0.5), marker) for q, _, marker in QUANTILES
                      if kind[q] >= 0]
            colour = SERIES[row % len(SERIES)]
            axes.plot([v for v, _ in values], [row] * len(values), color=colour, linewidth=2)
            for value, marker in values:
                axes.plot(value, row, marker, color=colour, markersize=9 if marker == "|" else 6,
                          markeredgewidth=2 if marker == "|" else 0)
            known += [v for v, _ in values]
        if not known:
            nothing(axes)
            return
        log_axis(axes, "x", min(known), max(known))
        axes.set_yticks(range(len(sample.kinds)), list(sample.kinds["name"]))
        axes.set_ylim(len(sample.kinds) - 0.45, -0.55)
        axes.grid(False, axis="y")
        axes.set_xlabel("response time, ms")
    return draw


def _judge(metric, value, comparison, target, sold_out):
    if not text.is_number(value):
        return "not measured"
    if value >= target if comparison == ">=" else value < target:
        return "pass"
    return "not judged: sold out" if metric == "tps_sold" and sold_out else "fail"


def build(sample):
    """(title, blocks, charts)"""
    known = figures_of(sample)
    sold_out = sum(kind["count"] for _, kind in _purchases(sample).iterrows()
                   if _outcome(kind["name"]) == "sold_out")
    if sold_out:
        sample.notes.append(f"The sale sold out under way ({text.number(float(sold_out))} refusals): "
                            "after that nothing can be accepted, so the TPS says how much stock there "
                            "was. `flashsale stock set` gives more units")
    rows = [[text.name_of(metric), text.figure(metric, known.get(metric)),
             f"{comparison} {text.figure(metric, target)}",
             _judge(metric, known.get(metric), comparison, target, sold_out)]
            for metric, comparison, target in DEFAULT_TARGETS]
    failed = [row[0] for row in rows if row[3] == "fail"]
    open_ones = [row[0] for row in rows if row[3].startswith("not ")]
    passed = "**INCOMPLETE**: nothing could be judged." if len(open_ones) == len(rows) else \
        f"**PASS**, but {text.listing(open_ones)} not judged." if open_ones else "**PASS.**"
    total = sample.kinds["count"].sum() if len(sample.kinds) else sample.seconds["answered"].sum()
    words = (f"**FAIL: {text.listing(failed)} missed.**" if failed else passed) + \
        (f" {sample.tool}: {text.number(float(total))} requests in {text.number(sample.span_s)} s "
         f"from up to {text.number(float(sample.seconds['users'].max()))} users. ")
    words += "This tool cannot judge accuracy: `flashsale bench` and `flashsale stock audit` do."
    drawn = charts(sample)
    blocks = [Text(words, "fail" if failed else "warn" if open_ones else "pass"),
              Heading("Summary"), Bullets([f"Source: {pathlib.Path(sample.source).name}.",
                                           *(f"{note}." for note in sample.notes)]),
              Heading("Targets"), Table(["metric", "value", "target", "status"], rows,
                                        "Default targets. Times are those of the slowest outcome of "
                                        "a purchase, so the whole is not slower.")]
    if len(sample.kinds):
        blocks += [Heading("Requests"), Table(
            ["request", ">count", ">failed", ">P50 ms", ">P95 ms", ">P99 ms", ">longest ms"],
            [[f"`{k['name']}`", *(text.number(float(k[c])) for c in
                                  ("count", "errors", "p50", "p95", "p99", "max"))]
             for _, k in sample.kinds.iterrows()])]
    found, advice = bottlenecks(sample)
    blocks += [Heading("Bottlenecks found"), Bullets(found), Heading("Recommendations"),
               Bullets(advice), Heading("Plots")] + [Picture(chart) for chart in drawn]
    return f"Load test report: {sample.tool}, {pathlib.Path(sample.source).name}", blocks, drawn


def bottlenecks(sample):
    found, advice = [], []
    bought = _purchases(sample)
    busy = bought[[_outcome(n) in ("busy", "unavailable") for n in bought["name"]]]["count"].sum() \
        if len(bought) else 0
    if busy and busy / bought["count"].sum() >= 0.01:
        found.append(f"**Buyers turned away as busy.** {text.percent(busy / bought['count'].sum())} of "
                     "the purchases got 503.")
        advice.append("See which part is full: `flashsale bench run` measures locks, Redis and CPU.")
    first, last = analysis.tenths(sample.seconds, "p50")
    if len(sample.seconds) >= 20 and first > 0 and last / first - 1 > 0.5 and last - first >= 5:
        found.append(f"**Slower under way.** P50 went from {text.number(first)} ms in the first tenth "
                     f"to {text.number(last)} ms in the last.")
        advice.append("Compare with the users over time; when they did not grow, run the soak scenario.")
    if not found:
        found.append("None that this tool can show: it sees answers only, no locks, Redis or CPU.")
        advice.append("To find limits run `flashsale bench run -s stress`, which samples the server, "
                      "Redis and itself.")
    return found, advice


def build_locust(prefix):
    return build(read_locust(prefix))


def build_jtl(path):
    if not pathlib.Path(path).is_file():
        raise ReportError(f"{path}: no such file")
    return build(read_jtl(path))
