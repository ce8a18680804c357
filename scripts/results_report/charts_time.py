"""Charts of a results folder with time, or what was offered, along the x axis.

A line is the median over a cell's repetitions in each second, of a run of up to 5 s in each 10 ms; the
band reaches from the lowest to the highest repetition."""
import numpy
from matplotlib import ticker

from . import hgrm
from .figures import MUTED, Chart, Mark, Panel, from_zero, log_axis, nothing, plain

DRAINED = 0.1  # of the stock: less is no picture worth a look


ENDED = 0.6  # a last second with less than this of the one before it is not a whole second


def _over_time(cell, column):
    """(seconds since the start, median, lowest, highest repetition), without what is unknown or not whole."""
    table, step = cell.moments(column)
    table = table.dropna(subset=["until_s", column])
    if step == 1 and column in ("answered", "users") and len(table):
        answered = table.groupby("until_s")["answered"].median()
        if len(answered) > 1 and answered.iloc[-1] < ENDED * answered.iloc[-2]:
            table = table[table["until_s"] < answered.index[-1]]
    if not len(table):
        return None
    found = table.groupby("until_s")[column].agg(["median", "min", "max"])
    return found.index.to_numpy(), found["median"], found["min"], found["max"]


def _smooth(line, most=240):
    """Long lines in at most so many points: medians of equal stretches of time."""
    times, middle, low, high = line
    stretch = int(numpy.ceil(len(times) / most))
    if stretch <= 1:
        return line
    cut = [slice(at, at + stretch) for at in range(0, len(times), stretch)]
    return (numpy.array([times[one].mean() for one in cut]),
            numpy.array([middle.iloc[one].median() for one in cut]),
            numpy.array([low.iloc[one].min() for one in cut]),
            numpy.array([high.iloc[one].max() for one in cut]))


def _lines(axes, cells, palette, column, scale=1.0, minutes=False, start=None):
    """Draws a line a cell, from start(cell) at time 0 if given.

    Returns the highest value, None when there is none."""
    top = None
    for cell in cells:
        line = _over_time(cell, column)
        if line is None:
            continue
        times, middle, low, high = _smooth(line)
        times = times / (60 if minutes else 1)
        if start is not None:
            times = numpy.insert(times, 0, 0)
            middle, low, high = (numpy.insert(numpy.asarray(v), 0, start(cell))
                                 for v in (middle, low, high))
        axes.plot(times, middle * scale, **palette.line(cell.label, len(times)))
        if cell.reps > 1:
            axes.fill_between(times, low * scale, high * scale, color=palette.colour(cell.label),
                              alpha=0.13, linewidth=0)
        top = max(top or 0, float(numpy.max(middle)) * scale)
    return top


def _is_long(cells):
    return any(len(c.seconds) and c.seconds["second"].max() > 600 for c in cells)


def _panels(results, palette, column, y_label, scale=1.0, floor=None, start=None, none=""):
    def drawing(cells):
        def draw(axes):
            minutes = _is_long(cells)
            top = _lines(axes, cells, palette, column, scale, minutes, start)
            if top is None:
                nothing(axes)
                return
            axes.set_xlabel("time since the start, " + ("minutes" if minutes else "s"))
            axes.set_ylabel(y_label)
            axes.set_xlim(left=0)
            plain(axes.xaxis)
            from_zero(axes, floor)
            if none and top == 0:
                axes.text(0.5, 0.5, none, transform=axes.transAxes, ha="center", color=MUTED)
        return draw
    return [Panel(name, drawing(results.of_scenario(name))) for name in results.scenarios]


def throughput(results, palette):
    return Chart("throughput", "Throughput over time",
                 "Answers a second, sold or refused; errors are in the error rate. The band spans the "
                 "repetitions; a last second that was not whole is left out.",
                 _panels(results, palette, "answered", "answers per second"),
                 palette.marks(results.labels))


def users(results, palette):
    """Users of a closed load; where requests start by the clock or all at once, those in flight."""
    panels = []
    for name in results.scenarios:
        cells = results.of_scenario(name)
        closed = any(len(c.seconds) and c.seconds["users"].max() > 0 for c in cells)
        column, label = ("users", "users") if closed else ("in_flight", "requests in flight")
        panels += [p for p in _panels(results, palette, column, label) if p.title == name]
    return Chart("users", "Users over time",
                 "Users at work. Where all requests are released at once, or start by the clock, "
                 "requests in flight.", panels, palette.marks(results.labels))


def error_rate(results, palette):
    for cell in results.cells:
        seconds = cell.seconds
        if len(seconds):
            share = seconds["errors"] / seconds["answered"].where(seconds["answered"] > 0)
            none = (seconds["answered"] == 0) & (seconds["errors"] > 0)
            cell.seconds = seconds.assign(error_share=share.mask(none, 1.0).fillna(0).clip(upper=1))
    seen = [c for c in results.cells if len(c.seconds)]
    panels = []
    if seen:
        panels = _panels(results, palette, "error_share", "errors, % of requests", 100, floor=0.2,
                         none="no errors")
    return Chart("error_rate", "Error rate over time",
                 "5xx, timeouts, transport errors and unexpected 4xx. Sold out, limit and busy are "
                 "outcomes, not errors.", panels, palette.marks(results.labels))


def stock(results, palette):
    chart = Chart("stock", "Stock draining over time",
                  "Units left over all products, from what was acknowledged as sold. Scenarios that "
                  "sell less than a tenth of their stock are left out.",
                  _panels(results, palette, "stock_left", "units left",
                          start=lambda cell: cell.value("stock")),
                  palette.marks(results.labels))
    drained = {c.scenario for c in results.cells if len(c.seconds) and
               c.seconds["stock_left"].min() < c.value("stock") * (1 - DRAINED)}
    chart.panels = [p for p in chart.panels if p.title in drained]
    return chart


def offered_answered(results, palette):
    """A point a second: on the diagonal all that was offered was answered."""
    def drawing(cells):
        def draw(axes):
            points = [(c, c.seconds.dropna(subset=["offered", "answered"])) for c in cells]
            points = [(c, s) for c, s in points if len(s) and s["offered"].max() > 0]
            if not points:
                nothing(axes)
                return
            top = max(max(s["offered"].max(), s["answered"].max()) for _, s in points) * 1.08
            axes.plot([0, top], [0, top], color=MUTED, linewidth=1, zorder=1)
            for cell, seconds in points:
                thin = seconds.iloc[::max(1, len(seconds) // 300)]
                axes.scatter(thin["offered"], thin["answered"], s=22, linewidth=1.1, alpha=0.85,
                             facecolor="none", edgecolor=palette.colour(cell.label),
                             marker=palette.marker(cell.label))
            axes.set(xlabel="offered per second", ylabel="answered per second", xlim=(0, top),
                     ylim=(0, top))
            axes.xaxis.set_major_locator(ticker.MaxNLocator(5))
            plain(axes.xaxis)
            plain(axes.yaxis)
        return draw
    marks = palette.marks(results.labels)
    for mark in marks:
        mark.dash = "none"
    marks.append(Mark("all that was offered", MUTED))
    return Chart("offered_answered", "Offered against answered",
                 "A point is a second. Below the line, requests wait or are lost; above it, a "
                 "backlog is worked off.",
                 [Panel(n, drawing(results.of_scenario(n)), 3.2) for n in results.scenarios], marks)


def percentiles(results, palette):
    """The whole distribution, merged over the repetitions; the x axis stretches the tail."""
    found = {}
    for cell in results.cells:
        distribution = cell.latencies()
        if distribution is not None:
            found.setdefault(cell.scenario, []).append((cell, distribution))

    def drawing(entries):
        def draw(axes):
            low, high, most = 1e9, 0.0, 100.0
            for cell, distribution in entries:
                shares, values = hgrm.curve(distribution)
                total = distribution[1].sum()
                rest = numpy.maximum(1 - shares, 1 / total)
                shown = (values > 0) & (shares >= 0.02)
                axes.plot(1 / rest[shown], values[shown],
                          **palette.line(cell.label, int(shown.sum())))
                low, high = min(low, *values[shown][:1], 1e9), max(high, values.max())
                most = max(most, total)
            log_axis(axes, "y", low, high)
            axes.set_xscale("log")
            ticks = [(1, "0"), (2, "50"), (10, "90"), (100, "99"), (1e3, "99.9"), (1e4, "99.99"),
                     (1e5, "99.999")]
            shown = [t for t in ticks if t[0] <= most]
            axes.set_xticks([t[0] for t in shown], [t[1] for t in shown])
            axes.xaxis.set_minor_locator(ticker.NullLocator())
            axes.set_xlim(1, min(most, 1e6) * 1.2)
            axes.set(xlabel="percentile of requests", ylabel="response time, ms")
        return draw
    panels = [Panel(n, drawing(found[n])) for n in results.scenarios if n in found]
    return Chart("percentiles", "Percentile curves",
                 "Response times of purchases from their intended start, all repetitions merged. "
                 "Read: P percent of requests were answered within y ms.", panels,
                 palette.marks([c.label for entries in found.values() for c, _ in entries]))


def all_of(results, palette):
    return [throughput(results, palette), error_rate(results, palette), users(results, palette),
            offered_answered(results, palette), percentiles(results, palette),
            stock(results, palette)]
