"""Charts of a results folder that compare cells, and those of single scenarios: stress and soak."""
import math

import numpy

from . import analysis
from .figures import (INK, MUTED, SERIES, TARGET, Chart, Mark, Panel, from_zero, log_axis, nothing,
                      plain)

# Column, words, colour, hatch: told apart by more than colour.
OUTCOMES = [("sold", "sold", SERIES[2], ""), ("sold_out", "sold out", SERIES[5], ""),
            ("limit", "limit", SERIES[7], ""), ("in_progress", "in progress", SERIES[3], ""),
            ("busy", "busy", SERIES[4], "//"), ("cut", "cut on purpose", SERIES[6], ""),
            ("unavailable", "unavailable", SERIES[1], "\\\\"),
            ("undetermined", "undetermined", SERIES[3], "xx"),
            ("unexpected_4xx", "unexpected 4xx", SERIES[0], "xx"),
            ("http_5xx", "other 5xx", TARGET, ""), ("timeout", "timeout", TARGET, "//"),
            ("transport", "transport error", INK, "\\\\")]
PROCESSES = [("server", "server", SERIES[0], ""), ("redis", "Redis, all nodes", SERIES[1], "//"),
             ("generator", "generator", SERIES[6], "")]
QUANTILES = [("latency_p50_ms", "P50", "o"), ("latency_p95_ms", "P95", "s"),
             ("latency_p99_ms", "P99", "D"), ("latency_p999_ms", "P99.9", "^"),
             ("latency_max_ms", "longest", "|")]


def _rows(cells):
    """Height of a panel with a line a cell."""
    return 1.05 + 0.36 * max(2, len(cells))


def _names(axes, cells):
    axes.set_yticks(range(len(cells)), [cell.label for cell in cells])
    axes.set_ylim(len(cells) - 0.45, -0.55)
    axes.grid(False, axis="y")


def response_times(results, palette):
    """P50 to the longest as points on a line a strategy."""
    def drawing(cells):
        def draw(axes):
            known = []
            for row, cell in enumerate(cells):
                values = [(cell.value(column), marker) for column, _, marker in QUANTILES]
                values = [(v, m) for v, m in values if v > 0]
                if not values:
                    continue
                colour = palette.colour(cell.label)
                axes.plot([v for v, _ in values], [row] * len(values), color=colour, linewidth=2)
                for value, marker in values:
                    axes.plot(value, row, marker, color=colour, markersize=9 if marker == "|" else 6,
                              markeredgewidth=2 if marker == "|" else 0)
                known += [v for v, _ in values]
            if not known:
                nothing(axes)
                return
            log_axis(axes, "x", min(known), max(known))
            axes.set_xlabel("response time of purchases, ms")
            _names(axes, cells)
        return draw
    panels = [Panel(n, drawing(results.of_scenario(n)), _rows(results.of_scenario(n)))
              for n in results.scenarios]
    return Chart("response_times", "Response-time distribution",
                 "From the intended start of each purchase, so waiting counts. Medians of the "
                 "repetitions.", panels,
                 [Mark(words, MUTED, "none", marker) for _, words, marker in QUANTILES])


def outcomes(results, _palette):
    used = [o for o in OUTCOMES if results.runs[o[0]].fillna(0).sum() > 0]

    def drawing(cells):
        def draw(axes):
            total = [sum(cell.total(column) for column, *_ in OUTCOMES) for cell in cells]
            if not any(total):
                nothing(axes)
                return
            left = numpy.zeros(len(cells))
            for column, _words, colour, hatch in used:
                share = numpy.array([cell.total(column) / whole * 100 if whole else 0
                                     for cell, whole in zip(cells, total)])
                axes.barh(range(len(cells)), share, left=left, height=0.62, color=colour,
                          hatch=hatch, edgecolor="white", linewidth=0.6)
                left += share
            axes.set(xlim=(0, 100), xlabel="purchase requests, %")
            _names(axes, cells)
        return draw
    panels = [Panel(n, drawing(results.of_scenario(n)), _rows(results.of_scenario(n)))
              for n in results.scenarios]
    return Chart("outcomes", "How purchases ended",
                 "Every purchase request by its outcome, all repetitions together.", panels,
                 [Mark(words, colour, patch=True, hatch=hatch) for _, words, colour, hatch in used])


def cpu_means(cell):
    """{server, redis, generator: percent of a core}, means of the seconds; {} when not sampled."""
    table = cell.resources()
    if not len(table):
        return {}
    means = table.dropna(subset=["cpu_percent"]).groupby("process")["cpu_percent"].mean()
    found = {name: float(means[name]) for name in ("server", "generator") if name in means}
    nodes = [float(means[name]) for name in means.index if name.startswith("redis-")]
    return {**found, "redis": sum(nodes)} if nodes else found


def cpu(results, _palette):
    def drawing(entries):
        def draw(axes):
            left = numpy.zeros(len(entries))
            for name, _words, colour, hatch in PROCESSES:
                share = numpy.array([means.get(name, 0) for _, means in entries])
                axes.barh(range(len(entries)), share, left=left, height=0.62, color=colour,
                          hatch=hatch, edgecolor="white", linewidth=0.6)
                left += share
            high = max(105.0, left.max() * 1.04)
            for core in range(100, int(high) + 1, 100):
                axes.axvline(core, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
            axes.set(xlim=(0, high), xlabel="CPU, % of one core, mean over the run")
            _names(axes, [cell for cell, _ in entries])
        return draw
    panels = []
    for name in results.scenarios:
        entries = [(c, cpu_means(c)) for c in results.of_scenario(name)]
        entries = [(c, means) for c, means in entries if means]
        if entries:
            panels.append(Panel(name, drawing(entries), _rows(entries)))
    return Chart("cpu", "CPU by process", "Where the CPU went; a dashed line is a core.", panels,
                 [Mark(words, colour, patch=True, hatch=hatch) for _, words, colour, hatch in
                  PROCESSES])


def _stress_p99(cells, palette):
    def draw(axes):
        known = []
        for cell in cells:
            steps = [s for s in analysis.steps(cell) if s.p99_ms > 0]
            axes.plot([s.users for s in steps], [s.p99_ms for s in steps],
                      marker=palette.marker(cell.label), **palette.line(cell.label))
            known += [s.p99_ms for s in steps]
        limit = min(analysis.target(c, "latency_p99_ms", analysis.DEFAULT_P99_MS) for c in cells)
        log_axis(axes, "y", min(known + [limit]), max(known + [limit]))
        axes.axhline(limit, color=TARGET, linewidth=1.2, linestyle=(0, (3, 3)))
        axes.annotate(f"target {limit:,.0f} ms", (0.01, limit), (0, 4), color=TARGET, fontsize=8.5,
                      xycoords=("axes fraction", "data"), textcoords="offset points")
        _breaks(axes, cells, palette, lambda step: step.p99_ms)
        axes.set(xlabel="users", ylabel="P99 of the step, ms")
        plain(axes.xaxis)
    return draw


def _breaks(axes, cells, palette, height):
    """A ring at each breaking point with its number of users, written to the side of more room."""
    left, right = axes.get_xlim()
    for cell in cells:
        broken = analysis.breaking_point(cell)
        if broken and math.isfinite(height(broken.step)):
            at = (broken.step.users, height(broken.step))
            colour = palette.colour(cell.label)
            axes.plot(*at, "o", markersize=13, markerfacecolor="none", markeredgecolor=colour,
                      markeredgewidth=1.8)
            far = broken.step.users < left + (right - left) * 0.2
            axes.annotate(f"{broken.step.users:,.0f}", at, (9, 7) if far else (-9, 7),
                          textcoords="offset points", color=colour, fontsize=9, weight="bold",
                          ha="left" if far else "right",
                          bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1})


def _stress_rate(cells, palette):
    def draw(axes):
        for cell in cells:
            steps = analysis.steps(cell)
            line = palette.line(cell.label)
            axes.plot([s.users for s in steps], [s.answered_per_s for s in steps],
                      marker=palette.marker(cell.label), **line)
            axes.plot([s.users for s in steps], [s.offered_per_s for s in steps], alpha=0.55,
                      color=line["color"], linewidth=1, linestyle=(0, (1, 2)))
        axes.set(xlabel="users", ylabel="answered per second (dotted: offered)")
        plain(axes.xaxis)
        from_zero(axes)
        _breaks(axes, cells, palette, lambda step: step.answered_per_s)
    return draw


def stress(results, palette):
    """P99 and throughput over users, a point a step, the breaking point ringed."""
    panels, labels = [], []
    for name in results.scenarios:
        cells = [c for c in results.of_scenario(name) if len(analysis.steps(c)) >= analysis.STEPS_MIN]
        if name.split("-")[0] == "stress" and cells:
            panels += [Panel(f"{name}: P99 by users", _stress_p99(cells, palette), 3.3),
                       Panel(f"{name}: throughput by users", _stress_rate(cells, palette), 3.3)]
            labels += [c.label for c in cells]
    return Chart("stress", "Stress: where it breaks",
                 "A point is a step; a ring with its number of users is the breaking point: the first "
                 "step whose P99 or error rate crosses the target, or that answers less than 95 % of "
                 "what was offered.", panels,
                 palette.marks(labels), width=5.2)


def soak(results, palette):
    """Memory, P50 and P99 over a long run."""
    panels, labels = [], []

    def lines(cells, table_of, column, label):
        def draw(axes):
            middles = []
            for cell in cells:
                table = table_of(cell).dropna(subset=[column])
                if len(table):
                    stretch = max(1, int((table["second"].max() + 1) // 120))
                    grouped = table.groupby(table["second"] // stretch)[column].median()
                    axes.plot((grouped.index.to_numpy() + 0.5) * stretch / 60, grouped,
                              **palette.line(cell.label, len(grouped)))
                    middles += [grouped.min(), grouped.max()]
            axes.set(xlabel="time since the start, minutes", ylabel=label)
            axes.set_xlim(left=0)
            plain(axes.xaxis)
            if middles and min(middles) > 0 and max(middles) > 20 * min(middles):
                log_axis(axes, "y", min(middles), max(middles))
            else:
                from_zero(axes)
        return draw

    for name in results.scenarios:
        cells = [c for c in results.of_scenario(name) if analysis.drift(c)]
        if name.split("-")[0] == "soak" and cells:
            memory = lines(cells, lambda c: c.resources()[c.resources()["process"] == "server"],
                           "rss_mib", "server memory (RSS), MiB")
            panels += [Panel(f"{name}: memory", memory, 3),
                       Panel(f"{name}: median response time",
                             lines(cells, lambda c: c.seconds, "latency_p50_ms", "P50, ms"), 3),
                       Panel(f"{name}: P99", lines(cells, lambda c: c.seconds, "latency_p99_ms",
                                                   "P99, ms"), 3)]
            labels += [c.label for c in cells]
    return Chart("soak", "Soak: drift", "Flat is good: memory that climbs is a leak, times that climb "
                 "are a slow-down.", panels, palette.marks(labels))


def all_of(results, palette):
    return [response_times(results, palette), outcomes(results, palette), cpu(results, palette),
            stress(results, palette), soak(results, palette)]
