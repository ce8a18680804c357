"""Whether one results folder is better than another, beyond their noise.

A verdict needs five valid repetitions on both sides, a Mann-Whitney U test (two-sided) under 0.05, and
a change of the median that is larger than the spread of either side."""
import dataclasses
import math
import re

import numpy
from scipy import stats

from . import ReportError, text

REPS_MIN = 5
P_MAX = 0.05
NOISES_MIN = 2              # a change must be so many times the noise
CHANGE_MIN = 0.01           # smaller changes are nobody's business
HIGHER = {"tps_sold", "answered_per_s"}
METRICS = ["tps_sold", "answered_per_s", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms",
           "latency_p999_ms", "error_rate", "lock_contention", "sell_out_ms",
           "server_cpu_us_per_purchase", "redis_cpu_us_per_purchase", "store_commands_per_purchase",
           "server_rss_mib_max", "loop_lag_p99_ms"]
ALWAYS = ["tps_sold", "latency_p99_ms"]
SHORT = {"tps": "tps_sold", "answered": "answered_per_s", "p50": "latency_p50_ms",
         "p95": "latency_p95_ms", "p99": "latency_p99_ms", "p999": "latency_p999_ms",
         "errors": "error_rate", "cpu": "server_cpu_us_per_purchase",
         "redis_cpu": "redis_cpu_us_per_purchase", "rss": "server_rss_mib_max",
         "contention": "lock_contention"}
RULE = re.compile(r"\s*([a-z_0-9]+)\s*([<>])\s*([+-]?[0-9.]+)\s*%\s*$")


@dataclasses.dataclass
class Row:
    """One metric of one cell in both folders."""
    scenario: str
    label: str
    metric: str
    before: float
    after: float
    reps: tuple             # valid repetitions with this metric in A and B
    change: float           # of the median: 0.1 is 10 % more; inf from 0
    noise: float            # relative, of the noisier side
    p: float                # NaN: not tested
    verdict: str            # better, worse, ~, or "n<5"

    @property
    def is_significant(self):
        return self.verdict in ("better", "worse")


@dataclasses.dataclass
class Gate:
    """One --fail-on: crossed by a significant change beyond the bound."""
    words: str
    metric: str
    above: bool
    bound: float

    def crossed_by(self, row):
        if row.metric != self.metric or not row.is_significant:
            return False
        return row.change > self.bound if self.above else row.change < self.bound


def gate(words):
    """'p99>+10%' or 'tps<-5%'; raises ReportError with what is wrong."""
    match = RULE.match(words)
    if not match:
        raise ReportError(f"--fail-on '{words}': not of the form METRIC>+N% or METRIC<-N%, as in "
                          "'p99>+10%'")
    metric = SHORT.get(match[1], match[1])
    if metric not in METRICS:
        raise ReportError(f"--fail-on '{words}': unknown metric '{match[1]}'; there are "
                          f"{', '.join([*SHORT, *METRICS])}")
    return Gate(words, metric, match[2] == ">", float(match[3]) / 100)


def spread(values):
    """Median absolute deviation, scaled to a standard deviation, over the median."""
    middle = numpy.median(values)
    if middle == 0:
        return 0.0
    return float(1.4826 * numpy.median(numpy.abs(values - middle)) / abs(middle))


def judge(metric, before, after):
    """(change, noise, p, verdict) of two lists of repetitions, neither empty."""
    first, second = float(numpy.median(before)), float(numpy.median(after))
    change = second / first - 1 if first else (0.0 if second == 0 else math.inf)
    noise = max(spread(before), spread(after))
    if min(len(before), len(after)) < REPS_MIN:
        return change, noise, math.nan, f"n<{REPS_MIN}"
    if len(set(before) | set(after)) == 1:
        return change, noise, 1.0, "~"
    p = float(stats.mannwhitneyu(before, after, alternative="two-sided").pvalue)
    if not (p < P_MAX and abs(change) > max(NOISES_MIN * noise, CHANGE_MIN)):
        return change, noise, p, "~"
    return change, noise, p, "better" if (change > 0) == (metric in HIGHER) else "worse"


def _by_key(results):
    return {(cell.scenario, cell.label): cell for cell in results.cells}


def rows(old, new, common=False):
    """Every metric of every cell that both have; a cell of one only is an error unless common."""
    first, second = _by_key(old), _by_key(new)
    for here, there, missing in ((old, new, set(first) - set(second)),
                                 (new, old, set(second) - set(first))):
        if missing and not common:
            names = text.listing(sorted(f"{label} in {scenario}" for scenario, label in missing))
            raise ReportError(f"{there.path} has no {names}, which {here.path} has; --common compares "
                              "only what both have")
    shared = [key for key in first if key in second]
    if not shared:
        raise ReportError(f"{old.path} and {new.path} have no strategy and scenario in common")
    found = []
    for key in shared:
        for metric in METRICS:
            before, after = (_values(cell, metric) for cell in (first[key], second[key]))
            if len(before) and len(after):
                change, noise, p, verdict = judge(metric, before, after)
                found.append(Row(*key, metric, float(numpy.median(before)),
                                 float(numpy.median(after)), (len(before), len(after)), change,
                                 noise, p, verdict))
    return found


def _values(cell, metric):
    """Of valid repetitions only: an invalid one is no evidence."""
    valid = cell.runs[cell.runs["valid"] != 0]
    return valid[metric].dropna().to_numpy()


def cautions(old, new):
    """What makes the two folders unlike each other, in sentences."""
    found = []
    for words, get in (("profile", lambda r: r.manifest.get("profile")),
                       ("machine", lambda r: (r.manifest.get("machine") or {}).get("cpu_model")),
                       ("cores", lambda r: (r.manifest.get("machine") or {}).get("cores")),
                       ("governor", lambda r: (r.manifest.get("machine") or {}).get("governor")),
                       ("pinning", lambda r: r.manifest.get("pinning")),
                       ("seed", lambda r: r.manifest.get("seed"))):
        a, b = get(old), get(new)
        if a != b:
            found.append(f"{words} differs: {a} and {b}")
    first, second = _by_key(old), _by_key(new)
    for key in first:
        if key in second:
            kinds = [sorted(set(filter(None, c.runs["durability"]))) for c in (first[key], second[key])]
            if kinds[0] and kinds[1] and kinds[0] != kinds[1]:
                found.append(f"{key[1]} in {key[0]}: durability {kinds[0][0]} and {kinds[1][0]}")
    return found


def violated(results):
    """Cells with a wrong answer: their speed is no merit."""
    return [f"{cell.label} in {cell.scenario}" for cell in results.cells if cell.accurate is False]


def percent_change(row):
    if not math.isfinite(row.change):
        return "from 0"
    return f"{row.change * 100:+.1f} %"


def _passed(one, found):
    """Whether a gate was crossed, in words: one that nothing could cross is not passed either."""
    rows_of = [row for row in found if row.metric == one.metric]
    hits = [row for row in rows_of if one.crossed_by(row)]
    if hits:
        return "**crossed** by " + text.listing(
            f"{r.label} in {r.scenario} {percent_change(r)}" for r in hits)
    if not rows_of:
        return "**not judged**: neither folder has this figure"
    open_ones = [row for row in rows_of if row.verdict == f"n<{REPS_MIN}"]
    if not open_ones:
        return "not crossed"
    where = text.listing(f"{r.label} in {r.scenario}" for r in open_ones)
    return (("**not judged**" if len(open_ones) == len(rows_of) else "not crossed, but not judged for "
             + where) + f": fewer than {REPS_MIN} valid repetitions")


def markdown(found, old, new, gates, everything=False):
    counted = {name: sum(row.verdict == name for row in found)
               for name in ("better", "worse", "~", f"n<{REPS_MIN}")}
    lines = ["# Comparison", "", f"A: `{old.path.name}`. B: `{new.path.name}`. "
             f"Of {text.plural(len(found), 'figure')} {counted['better']} better in B, "
             f"{counted['worse']} worse, {counted['~']} within noise (~), "
             f"{counted[f'n<{REPS_MIN}']} without a verdict: fewer than {REPS_MIN} valid "
             "repetitions.", ""]
    for name, side in (("A", old), ("B", new)):
        wrong = violated(side)
        if wrong:
            lines += [f"**Accuracy violated in {name}: {text.listing(wrong)}.** Its speed counts for "
                      "nothing.", ""]
    lines += [f"- Caution: {words}." for words in cautions(old, new)] + [""]
    shown = [row for row in found if everything or row.is_significant or row.metric in ALWAYS]
    lines += ["| scenario | strategy | metric | A | B | change | noise | p | verdict |",
              "|---|---|---|--:|--:|--:|--:|--:|---|"]
    lines += [f"| {r.scenario} | {r.label} | {text.name_of(r.metric)} | "
              f"{text.figure(r.metric, r.before)} | {text.figure(r.metric, r.after)} | "
              f"{percent_change(r)} | {text.percent(r.noise)} | "
              f"{f'{r.p:.3f}' if math.isfinite(r.p) else text.NONE} | "
              f"{'**' + r.verdict + '**' if r.is_significant else r.verdict} |" for r in shown]
    for one in gates:
        lines += ["", f"`{one.words}`: {_passed(one, found)}."]
    lines += ["", f"A verdict needs {REPS_MIN} valid repetitions on both sides, Mann-Whitney p < "
              f"{P_MAX}, and a change of more than twice the noise (scaled median absolute "
              "deviation). Among many figures a few that did not change may still seem to."]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def as_json(found, old, new, gates):
    def clean(value):
        return value if not isinstance(value, float) or math.isfinite(value) else None
    return {"schema_version": 1, "a": str(old.path), "b": str(new.path),
            "cautions": cautions(old, new), "accuracy_violated_a": violated(old),
            "accuracy_violated_b": violated(new),
            "rows": [{k: clean(v) for k, v in dataclasses.asdict(row).items()} for row in found],
            "gates": [{"fail_on": one.words, "said": _passed(one, found), "crossed_by": [
                {"scenario": r.scenario, "strategy": r.label, "change": clean(r.change)}
                for r in found if one.crossed_by(r)]} for one in gates]}
