"""What a run's seconds say that a mean does not: breaking point, recovery, drift."""
import dataclasses
import math

import numpy
from scipy import stats

from . import text

DEFAULT_P99_MS = 500.0
DEFAULT_ERROR_RATE = 0.001
ANSWERED_SHARE_MIN = 0.95
RECOVERY_S_MAX = 10
BACK_IN_A_ROW = 3           # good seconds: one alone may be luck
STEPS_MIN = 3               # fewer show no breaking point
SLOWDOWN_MAX = 0.10


@dataclasses.dataclass
class Step:
    """One stage of a stress run, all repetitions together."""
    name: str
    users: float
    offered_per_s: float
    answered_per_s: float
    p99_ms: float       # median of the stage's seconds
    error_rate: float
    answered_share: float   # of what was offered, in the median second: what a hiccup leaves in flight
                            # at the end of a short step is answered in the next


@dataclasses.dataclass
class Breaking:
    step: Step
    before: Step        # the last step that held; None: the first one broke already
    reason: str


def target(cell, metric, default):
    """The cell's own upper target of a metric, else the default."""
    rows = cell.results.thresholds
    rows = cell.results.part(rows, (cell.strategy, cell.variant, cell.scenario))
    own = rows[(rows["metric"] == metric) & rows["comparison"].isin(["<", "<="])]
    own = own.dropna(subset=["target"])
    if not len(own):
        return default
    return float(own["target"].min()) / (100 if own["unit"].iloc[0] == "%" else 1)


def steps(cell):
    """The stages in their order; a stage's seconds while users still climb are left out."""
    seconds = cell.seconds
    if not len(seconds):
        return []
    found = []
    for name, part in seconds.groupby("stage", sort=False):
        held = part
        if part["users"].notna().any():
            held = part[part["users"] >= part["users"].max() * 0.98]
        requests = held["offered"].sum()
        answered = held["answered"].sum()
        count = len(held)
        errors = held["errors"].sum() / answered if answered > 0 else float(held["errors"].sum() > 0)
        found.append((part["second"].min(), Step(
            str(name), median(held["users"]), requests / count, answered / count,
            median(held["latency_p99_ms"]), float(errors),
            median(held["answered"] / held["offered"].where(held["offered"] > 0)))))
    return [step for _, step in sorted(found, key=lambda pair: pair[0]) if step.users > 0]


def breaking_point(cell):
    """The first step that crosses the P99 or error target or answers under 95 %; None: none did."""
    p99_max = target(cell, "latency_p99_ms", DEFAULT_P99_MS)
    errors_max = target(cell, "error_rate", DEFAULT_ERROR_RATE)
    before = None
    for step in steps(cell):
        reasons = []
        if step.p99_ms > p99_max:
            reasons.append(f"P99 {step.p99_ms:,.0f} ms is over {p99_max:,.0f} ms")
        if step.error_rate > errors_max:
            reasons.append(f"error rate {text.percent(step.error_rate)} is over "
                           f"{text.percent(errors_max)}")
        if step.answered_share < ANSWERED_SHARE_MIN:
            reasons.append(f"{text.percent(step.answered_share)} of what was offered was answered, "
                           f"under {text.percent(ANSWERED_SHARE_MIN)}")
        if reasons:
            return Breaking(step, before, " and ".join(reasons))
        before = step
    return None


@dataclasses.dataclass
class Drift:
    """First against last tenth of a soak."""
    minutes: float
    p50_first_ms: float
    p50_last_ms: float
    p99_first_ms: float
    p99_last_ms: float
    rss_first_mib: float
    rss_last_mib: float
    rss_mib_per_hour: float    # robust slope (Theil-Sen) without the first tenth; NaN: unknown

    @property
    def slowdown(self):
        """Of the median response time: 0.1 is 10 % slower at the end."""
        return _change(self.p50_first_ms, self.p50_last_ms)

    @property
    def rss_change(self):
        return _change(self.rss_first_mib, self.rss_last_mib)


def median(values):
    """Of the known ones; NaN when there are none."""
    known = values.dropna()
    return float(known.median()) if len(known) else math.nan


def _change(first, last):
    return last / first - 1 if first > 0 else math.nan


def tenths(seconds, column):
    """Medians of a column over the first and the last tenth of the time."""
    times = seconds["second"]
    begin, end = times.min(), times.max()
    tenth = (end - begin + 1) / 10
    return (median(seconds[times < begin + tenth][column]),
            median(seconds[times > end - tenth][column]))


def drift(cell):
    """None when there are fewer than 20 seconds: too few for a tenth to mean anything."""
    seconds = cell.seconds
    if not len(seconds) or seconds["second"].max() - seconds["second"].min() < 19:
        return None
    memory = cell.resources()
    memory = memory[memory["process"] == "server"].dropna(subset=["rss_mib"])
    rss, slope = (math.nan, math.nan), math.nan
    if len(memory) >= 20:
        rss = tenths(memory, "rss_mib")
        steady = memory[memory["second"] > memory["second"].max() * 0.1]
        step = max(1, len(steady) // 400)
        slope = stats.theilslopes(steady["rss_mib"][::step], steady["second"][::step])[0] * 3600
    span = seconds["second"].max() - seconds["second"].min() + 1
    return Drift(span / 60, *tenths(seconds, "latency_p50_ms"), *tenths(seconds, "latency_p99_ms"),
                 *rss, float(slope))


@dataclasses.dataclass
class Recovery:
    before_p99_ms: float
    peak_p99_ms: float
    seconds: float      # after the spike until P99 is back; NaN: not within the run
    watched_s: float    # how long after the spike the run went on


def recovery(cell):
    """How long after the spike the P99 stays over twice its level before (and over 5 ms more).

    It is back with the first of BACK_IN_A_ROW good seconds; one without an answer is none."""
    seconds = cell.seconds
    if not len(seconds) or not seconds["users"].notna().any():
        return None
    line = seconds.groupby("second")[["users", "latency_p99_ms", "errors", "answered"]].median()
    top = line["users"].max()
    high = line.index[line["users"] >= top * 0.98]
    before = line[line.index < line.index[line["users"] > top * 0.5].min()]
    after = line[line.index > high.max()]
    if not len(before) or not len(after) or top < 2 * before["users"].max():
        return None
    calm = median(before["latency_p99_ms"])
    bound = max(2 * calm, calm + 5)
    good = ((after["latency_p99_ms"] <= bound)
            | (after["latency_p99_ms"].isna() & (after["answered"] > 0))) \
        & (after["errors"].fillna(0) == 0)
    back = [at for place, at in enumerate(after.index)
            if good.iloc[place:place + BACK_IN_A_ROW].all()]
    peak = float(line.loc[high]["latency_p99_ms"].max())
    return Recovery(calm, peak, float(back[0] - high.max()) if back else math.nan,
                    float(after.index.max() - high.max()))


def others_busy(cell):
    """What programs that are no part of the run took, in percent of a core: a figure a sampled second."""
    table = cell.resources().dropna(subset=["second", "cpu_percent"])
    if not len(table):
        return []
    wide = table.pivot_table(index=["rep", "second"], columns="process", values="cpu_percent")
    if "system" not in wide:
        return []
    return list((wide["system"] - wide.drop(columns="system").sum(axis=1)).dropna())


def busy_share(percents):
    """A process's CPU in its busiest seconds (90th percentile of seconds), in percent of a core."""
    known = percents.dropna()
    return float(numpy.percentile(known, 90)) if len(known) else math.nan
