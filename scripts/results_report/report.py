"""The report on a results folder, as blocks: the verdict first, then what it rests on."""
import re
import statistics

from . import analysis, charts_cells, charts_time, compare, figures, findings, long_runs, text
from .document import Bullets, Heading, Picture, Table, Text
from .folder import VIOLATIONS, label_of

OTHERS_MAX = 40.0           # percent of a core: the kernel's own threads take some for disk and network
DEFAULT_TARGETS = ["tps_sold", "latency_p50_ms", "latency_p99_ms", "error_rate", "lock_contention",
                "accuracy_ok"]
DEFAULT_SOURCES = ["default", "plan"]  # "plan" in folders of before 2026-12
SIDE = [("tps_sold", ">accepted/s"), ("answered_per_s", ">answered/s"), ("latency_p50_ms", ">P50 ms"),
        ("latency_p95_ms", ">P95 ms"), ("latency_p99_ms", ">P99 ms"), ("latency_p999_ms", ">P99.9 ms"),
        ("error_rate", ">errors"), ("lock_contention", ">lock contention")]
COSTS = [("server_cpu_us_per_purchase", ">server CPU us/purchase"),
         ("redis_cpu_us_per_purchase", ">Redis CPU us/purchase"),
         ("store_commands_per_purchase", ">store commands/purchase")]


def build(results):
    """(title, blocks, charts)"""
    palette = figures.Palette(results.labels)
    charts = [chart for chart in charts_time.all_of(results, palette)
              + charts_cells.all_of(results, palette) if chart.panels]
    found = findings.find(results)
    name = results.manifest.get("name") or results.path.name
    blocks = verdict(results, found)
    blocks += summary(results)
    blocks += accuracy(results)
    blocks += side_by_side(results)
    blocks += targets(results)
    blocks += bottlenecks(results, found)
    blocks += recommendations(found)
    blocks += long_runs.blocks(results)
    blocks += [Heading("Plots")] + [Picture(chart) for chart in charts]
    blocks += environment(results)
    blocks += how_to_read()
    return f"Performance test report: {name}", blocks, charts


def _key(cell):
    return f"{cell.label} in {cell.scenario}"


def verdict(results, found):
    """One paragraph that a busy reader may stop after."""
    cells = results.cells
    wrong = [_key(c) for c in cells if c.accurate is False]
    unknown = [_key(c) for c in cells if c.accurate is None]
    invalid = [_key(c) for c in cells if c.valid_reps == 0]
    failed = [_missed(row) for _, row in _failed(results).iterrows()] + long_runs.missed(results)
    scope = (f"{text.plural(len(results.labels), 'strategy', 'strategies')} under "
             f"{text.plural(len(results.scenarios), 'scenario')}, "
             f"{text.plural(len(results.runs), 'run')}")
    if wrong:
        words, kind = f"**FAIL: accuracy violated** in {text.listing(wrong)}.", "fail"
    elif failed:
        words, kind = f"**FAIL: {text.plural(len(failed), 'target')} missed** ({scope}).", "fail"
    elif invalid or unknown or not len(results.thresholds):
        words, kind = f"**INCOMPLETE** ({scope}).", "warn"
    else:
        words, kind = f"**PASS** ({scope}).", "pass"
    parts = [words]
    if not wrong and not unknown:
        parts.append("Every audited run sold exactly what it could and answered truly.")
    if failed:
        parts.append(f"Missed: {text.listing(failed, 3)}.")
    elif not len(results.thresholds):
        parts.append("No targets were recorded.")
    if invalid:
        parts.append(f"No valid measurement of {text.listing(invalid)}.")
    if unknown:
        parts.append(f"Accuracy not proven (not audited, or a ledger was not read): "
                     f"{text.listing(unknown)}.")
    parts.append(fastest(results))
    if found:
        parts.append(f"Bottlenecks found: {text.listing(text.inside(f.title) for f in found)}.")
    return [Text(" ".join(filter(None, parts)), kind)]


def _failed(results):
    table = results.thresholds
    return table[table["status"] == "fail"] if len(table) else table


def _missed(row):
    label = label_of(row["strategy"], row["variant"])
    return (f"{text.name_of(row['metric'])} of {label} in {row['scenario']} "
            f"({_measured(row)}, target {_target(row)})")


def _unit(row, value):
    if row["metric"] == "accuracy_ok":
        return "100 %" if value == 1 else "violated" if text.is_number(value) else text.NONE
    if row["metric"] in text.PERCENT:
        return text.percent(value / 100 if row["unit"] == "%" else value)
    if row["unit"] and not text.unit_of(row["metric"]):
        return f"{text.number(value)} {row['unit']}"
    return text.figure(row["metric"], value)


def _measured(row):
    return _unit(row, row["actual"])


def _target(row):
    return f"{row['comparison']} {_unit(row, row['target'])}"


def fastest(results):
    """Who sells most where stock outlasts the run; no winner when the repetitions overlap."""
    scenario = next((s for s in results.scenarios if s.startswith("throughput")), None)
    cells = [c for c in results.of_scenario(scenario) if c.valid_reps and c.value("tps_sold") > 0] \
        if scenario else []
    if len(cells) < 2:
        return ""
    cells.sort(key=lambda c: -c.value("tps_sold"))
    first, second = cells[:2]
    words = (f"Most accepted purchases a second ({scenario}): {first.label} with "
             f"{text.number(first.value('tps_sold'))} at P99 "
             f"{text.figure('latency_p99_ms', first.value('latency_p99_ms'))}, before {second.label} "
             f"with {text.number(second.value('tps_sold'))}")
    if first.span("tps_sold")[0] <= second.span("tps_sold")[1]:
        return words + "; their repetitions overlap, so this is no difference yet."
    fewest = min(first.valid_reps, second.valid_reps)
    if fewest < compare.REPS_MIN:
        return words + (f"; of {text.plural(fewest, 'repetition')} that is a hint, a verdict takes "
                        f"{compare.REPS_MIN}.")
    return words + "."


def summary(results):
    manifest = results.manifest
    versions = manifest.get("versions") or {}
    begun = manifest.get("created_at") or min(filter(None, results.runs["started_at"]), default="")
    whole = results.runs
    asked, sold = whole["answered"].sum(), whole["sold_units"].sum()
    seconds = whole["duration_s"].sum()
    items = [f"Tested: flashsale {versions.get('flashsale', '(version not recorded)')}, "
             f"strategies {text.listing(results.labels, 12)}.",
             f"When: {begun or 'not recorded'}; {text.number(seconds / 60)} minutes of load in "
             f"{text.plural(len(whole), 'run')}, {text.number(asked)} answers, {text.number(sold)} "
             "units sold.",
             f"Scenarios: {text.listing(results.scenarios, 12)}; profile "
             f"{text.listing(sorted(set(filter(None, whole['profile']))) or ['not recorded'])}."]
    reasons = _kinds(reason for c in results.cells for reason in c.invalid_reasons)
    bad = sum(c.reps - c.valid_reps for c in results.cells)
    if bad:
        items.append(f"{text.plural(bad, 'run')} invalid and left out of the medians (unless a cell "
                     f"has no valid one): {text.listing(reasons or ['no reason recorded'], 3)}.")
    items += _not_alone(results)
    items += [f"Not whole: {warning}." for warning in results.warnings]
    return [Heading("Summary"), Bullets(items)]


def _not_alone(results):
    """Whoever shares the machine with a run makes its rates lower bounds, and cells unlike each other."""
    seconds = {_key(cell): analysis.others_busy(cell) for cell in results.cells}
    every = [value for values in seconds.values() for value in values]
    if not every or not statistics.median(every) >= OTHERS_MAX:
        return []
    means = {key: statistics.mean(values) for key, values in seconds.items() if values}
    most = max(means, key=means.get)
    return ["**Not alone on the machine**: programs that are no part of this run took "
            f"{statistics.median(every):.0f} % of a core in the median second, most in {most} "
            f"({means[most]:.0f} %). Rates are lower bounds, times upper ones, and cells are not measured "
            "alike."]


def _kinds(reasons):
    """One of each kind of sentence: those that differ in their figures only are the same."""
    found = {}
    for reason in reasons:
        found.setdefault(re.sub(r"\d+(\.\d+)?", "0", reason), reason)
    return list(found.values())


def _worst(rows):
    """The row that is furthest on the wrong side of its target."""
    known = rows.dropna(subset=["actual"])
    if not len(known):
        return rows.iloc[0]
    high = rows["comparison"].iloc[0] in ("<", "<=")
    return known.loc[known["actual"].idxmax() if high else known["actual"].idxmin()]


def targets(results):
    """Metric, value, target, status: a row a target and strategy, its worst scenario named."""
    table = results.thresholds
    if not len(table):
        return [Heading("Targets"), Text("No targets were recorded (thresholds.csv).")]
    table = table.reset_index(drop=True)
    rank = {name: at for at, name in enumerate(DEFAULT_TARGETS)}
    rows = []
    keys = ["source", "metric", "comparison", "target", "unit", "strategy", "variant"]
    for key, part in table.groupby(keys, sort=False, dropna=False):
        worst = _worst(part)
        failing = part[part["status"] == "fail"]
        status = "fail" if len(failing) else "reported" if (part["status"] == "reported").all() \
            else "pass"
        if len(failing) and worst["status"] != "fail":
            worst = failing.iloc[0]
        same = len(part) > 1 and part["actual"].nunique() == 1
        where = "everywhere" if same else worst["scenario"] if len(part) == 1 else \
            f"worst: {worst['scenario']}"
        rows.append((key[0] not in DEFAULT_SOURCES, rank.get(key[1], 99), key[1], label_of(key[5], key[6]),
                     [text.name_of(key[1]), label_of(key[5], key[6]),
                      f"{_measured(worst)} ({where})", _target(worst), status, key[0]]))
    rows = [row[-1] for row in sorted(rows, key=lambda row: row[:4])]
    columns = ["metric", "strategy", "value", "target", "status", "set by"]
    default = [row[:5] for row in rows if row[5] in DEFAULT_SOURCES]
    own = [row for row in rows if row[5] not in DEFAULT_SOURCES]
    blocks = [Heading("Targets")]
    if default:
        blocks.append(Table(columns[:5], default, "Default targets (load_tests/README.md says where each comes "
                                                  "from). Value: the worst over the scenarios."))
    if own:
        blocks.append(Table(columns[:5], [row[:5] for row in own], "Targets of single scenarios.",
                            folded=len(own) > 24))
    failed = _failed(results)
    if len(failed):
        blocks.append(Table(["metric", "strategy", "scenario", "value", "target"],
                            [[text.name_of(r["metric"]), label_of(r["strategy"], r["variant"]),
                              r["scenario"], _measured(r), _target(r)] for _, r in failed.iterrows()],
                            "Every target that was missed."))
    return blocks


def _accuracy_word(cell):
    return {True: "yes", False: "no", None: "not proven"}[cell.accurate]


def side_by_side(results):
    costs = [c for c in COSTS if results.runs[c[0]].notna().any()]
    sides = [s for s in SIDE if results.runs[s[0]].notna().any() or s[0] != "lock_contention"]
    rows = []
    for cell in results.cells:
        durability = next(filter(None, cell.runs["durability"]), text.NONE)
        valid = f"{cell.valid_reps} of {cell.reps}" if cell.valid_reps else f"invalid: 0 of {cell.reps}"
        row = [cell.scenario, cell.label, _accuracy_word(cell), durability, valid]
        for metric, _ in sides + costs:
            value = cell.value(metric)
            row.append(text.percent(value) if metric in text.PERCENT else text.number(value))
        rows.append(row)
    columns = ["scenario", "strategy", "accurate", "durability", "valid runs"] + \
              [name for _, name in sides + costs]
    return [Heading("Strategies side by side"),
            Table(columns, rows, "Medians of the valid repetitions. Accepted are purchases that got "
                                 "units; answered are all requests.")]


def bottlenecks(results, found):
    blocks = [Heading("Bottlenecks found")]
    if not found:
        rest = findings.nearest(results)
        return blocks + [Text("None: no lock, core, loop, connection or generator was measured at a "
                              f"level where it makes others wait. {rest}".strip())]
    items = []
    for one in found:
        also = f" Also {text.listing(one.also, 5)}." if one.also else ""
        shown = f" (plot: {one.chart})" if one.chart else ""
        items.append(f"**{one.title}.** {one.sentence}{also}{shown}")
    return blocks + [Bullets(items, ordered=True)]


def recommendations(found):
    blocks = [Heading("Recommendations")]
    if not found:
        return blocks + [Text("None follows from these figures.")]
    grouped = {}
    for number, one in enumerate(found, 1):
        grouped.setdefault(one.advice, []).append((number, text.inside(one.title)))
    return blocks + [Bullets([f"{advice} (From {text.listing(f'{n}, {title}' for n, title in why)}.)"
                              for advice, why in grouped.items()])]


def accuracy(results):
    blocks = [Heading("Accuracy")]
    table = results.accuracy
    if not len(table):
        return blocks + [Text("No run was audited (accuracy.csv).")]
    bad = table[table["ok"] == 0]
    read = table[table["sold_ledger"].notna()]
    words = (f"{text.plural(len(table), 'run')} audited: {len(table) - len(bad)} without a violation, "
             f"{len(bad)} with. ")
    if len(read) < len(table):
        words += (f"Of {len(table) - len(read)} not all ledgers could be read: only their answers were "
                  "compared, which proves no accuracy. ")
    if len(read):
        words += (f"{text.number(read['sold_ledger'].sum())} units sold by the ledgers (warm-up "
                  f"included), {text.number(read['sold_acknowledged'].sum())} of them acknowledged to "
                  f"clients and {text.number(read['sold_resolved'].sum())} found by asking again after "
                  "an answer was lost; ")
    words += f"{text.number(table['unknown_left'].sum())} answers stayed unknown."
    blocks.append(Text(words))
    if len(bad):
        rows = [[label_of(r["strategy"], r["variant"]), r["scenario"], f"{r['rep']:.0f}",
                 text.listing((f"{name.replace('_', ' ')} {r[name]:,.0f}" for name in VIOLATIONS
                               if r[name] > 0), 10), r["first_offender"]] for _, r in bad.iterrows()]
        blocks.append(Table(["strategy", "scenario", ">run", "violations", "first offender"], rows))
    return blocks


def environment(results):
    manifest = results.manifest
    versions, machine = manifest.get("versions") or {}, manifest.get("machine") or {}
    pinning = manifest.get("pinning") or {}
    cores = machine.get("cores")
    dirty = " (with local changes)" if manifest.get("git_dirty") else ""
    rows = [["machine", f"{machine.get('cpu_model', text.NONE)}, {cores or text.NONE} cores, "
             f"{text.number(machine.get('memory_mib'))} MiB, governor "
             f"{machine.get('governor') or 'not known'}"],
            ["versions", ", ".join(_versions(versions)) or text.NONE],
            ["commit", f"{manifest.get('git_sha') or text.NONE}{dirty}"],
            ["pinned to cores", ", ".join(f"{k}: {_cores(v)}" for k, v in pinning.items()) or
             "nothing"],
            ["seed, profile", f"{manifest.get('seed', text.NONE)}, "
             f"{manifest.get('profile', text.NONE)}"],
            ["command", f"`{_command(manifest.get('command'))}`"]]
    return [Heading("Environment"), Table(["what", "as recorded in manifest.json"], rows)]


def _versions(versions):
    for name, value in versions.items():
        if isinstance(value, dict):
            yield from _versions(value)
        elif value:
            yield f"{name} {value}"


def _cores(value):
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _command(value):
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or text.NONE)


def how_to_read():
    return [Heading("How to read this"), Bullets([
        "A figure is the median of the valid repetitions of one cell (strategy, scenario).",
        "Response times are counted from the intended start of a request, so a stall of the server "
        "is not hidden by a generator that waits with it. Service times start at the sending.",
        "Sold out (400), limit (409) and busy (503 with Retry-After) are outcomes. Errors are other "
        "5xx, timeouts, transport errors and unexpected 4xx.",
        "After a sale is sold out only refusals are measured; accepted and answered purchases are "
        "therefore never mixed.",
        "Compare only within one folder, or by `flashsale bench compare`, which asks for five "
        "repetitions and for a difference beyond their noise.",
        "A run is invalid when the generator was late or its core full; its figures are shown only "
        "when there are no others."])]
