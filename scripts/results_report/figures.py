"""The look of every plot, and how a chart becomes SVG and PNG files or pieces of the HTML page.

Colours are Okabe and Ito's, told apart by the colour-blind; a line's dashes say the same again.
In the page each colour is a CSS variable, so that one drawing serves light and dark."""
import dataclasses
import io
import math
import re
import typing

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker  # noqa: E402  (after the backend is chosen)
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402

INK, MUTED, GRID, TARGET = "#20262e", "#5d6773", "#dfe3e8", "#b3261e"
SERIES = ["#0072b2", "#d55e00", "#00916b", "#c75b9f", "#b07d00", "#2c9bd6", "#6b6f76", "#7a4fbf"]
DASHES = ["-", (0, (6, 2)), (0, (6, 2, 1.5, 2)), (0, (2, 1.5)), (0, (9, 2, 2, 2, 2, 2)), (0, (4, 4)),
          (0, (1, 2)), (0, (12, 3))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
# Light and dark values of each colour in the page.
DARK = ["#4aa8e0", "#ff8c42", "#2fc79b", "#f09fd6", "#e0b03a", "#7cc7ef", "#a3a9b1", "#b195ea"]
VARIABLES = {INK: ("--ink", "#e6e9ed"), MUTED: ("--muted", "#a4adb8"), GRID: ("--grid", "#343b44"),
             TARGET: ("--target", "#ff8a80")}
VARIABLES.update({colour: (f"--s{n}", DARK[n]) for n, colour in enumerate(SERIES)})

STYLE = {
    "figure.facecolor": "white", "axes.facecolor": "none", "axes.edgecolor": MUTED,
    "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK, "xtick.color": MUTED,
    "ytick.color": MUTED, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "grid.color": GRID,
    "axes.grid": True, "grid.linewidth": 0.8, "axes.axisbelow": True, "axes.spines.top": False,
    "axes.spines.right": False, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.labelsize": 9, "xtick.labelsize": 8.5, "ytick.labelsize": 8.5,
    "legend.frameon": False, "legend.fontsize": 9, "lines.linewidth": 1.8, "lines.markersize": 4.5,
    "font.family": "DejaVu Sans", "svg.fonttype": "none", "svg.hashsalt": "flashsale",
    "xtick.major.size": 0, "ytick.major.size": 0, "xtick.minor.size": 0, "ytick.minor.size": 0,
}


@dataclasses.dataclass
class Mark:
    """An entry of the legend."""
    text: str
    colour: str
    dash: typing.Any = "-"
    marker: str = ""
    patch: bool = False
    hatch: str = ""


@dataclasses.dataclass
class Panel:
    """One pair of axes; draw(axes) draws all of it but the title."""
    title: str
    draw: typing.Callable
    height: float = 2.7


@dataclasses.dataclass
class Chart:
    """Panels that show the same thing of several scenarios, with one legend."""
    name: str                   # the file's name without ending
    title: str
    caption: str
    panels: list
    marks: list = dataclasses.field(default_factory=list)
    width: float = 4.6          # of a panel, inches


class Palette:
    """A colour, dash and marker for each label, the same in every chart of a report."""

    def __init__(self, labels):
        self.at = {label: number for number, label in enumerate(labels)}

    def colour(self, label):
        return SERIES[self.at[label] % len(SERIES)]

    def dash(self, label):
        return DASHES[self.at[label] % len(DASHES)]

    def marker(self, label):
        return MARKERS[self.at[label] % len(MARKERS)]

    def line(self, label, points=0):
        """Colour, dashes, and about eight markers along points, elsewhere than the others' ones."""
        style = {"color": self.colour(label), "linestyle": self.dash(label)}
        if points:
            step = max(1, points // 8)
            shift = self.at[label] * max(1, step // max(1, len(self.at))) % step
            style.update(marker=self.marker(label), markevery=(shift, step))
        return style

    def marks(self, labels):
        return [Mark(label, self.colour(label), self.dash(label), self.marker(label))
                for label in self.at if label in set(labels)]


def plain(axis):
    """Tick labels as numbers, also on log axes: 0.5, 20, 12,000, 10M."""
    def text(value, _position):
        return f"{value / 1e6:g}M" if abs(value) >= 1e6 else f"{value:,.5g}"
    axis.set_major_formatter(ticker.FuncFormatter(text))


def log_axis(axes, which, low, high):
    """A log scale from the decade below low to above high, with 1-2-5 ticks when it is short."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    getattr(axes, f"set_{which}scale")("log")
    low, high = max(low, 1e-3), max(high, low * 1.5, 2e-3)
    getattr(axes, f"set_{which}lim")(low / 1.4, high * 1.4)
    decades = math.log10(high / low)
    subs = (1, 2, 5) if decades < 2 else (1, 3) if decades < 3 else (1,)
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=12))
    axis.set_minor_locator(ticker.NullLocator())
    plain(axis)


def from_zero(axes, top=None):
    """A linear y axis that starts at 0 and leaves room above."""
    high = max(axes.get_ylim()[1], top or 0)
    axes.set_ylim(0, high * 1.05 if high > 0 else 1)
    plain(axes.yaxis)


def nothing(axes, text="not measured"):
    """Axes without data say so."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def _handle(mark):
    if mark.patch:
        return Patch(facecolor=mark.colour, hatch=mark.hatch, edgecolor="white", label=mark.text)
    bar = mark.marker == "|"
    return Line2D([], [], color=mark.colour, linestyle=mark.dash, marker=mark.marker, label=mark.text,
                  markersize=10 if bar else 5, markeredgewidth=2 if bar else 0)


def _draw(axes, panel):
    panel.draw(axes)
    axes.set_title(panel.title, pad=8)


def save(chart, folder):
    """folder/<name>.svg and .png: all panels in one picture, its title and legend on top."""
    count = len(chart.panels)
    columns = {1: 1, 2: 2, 4: 2}.get(count, 3)
    rows = math.ceil(count / columns)
    row_heights = [max(p.height for p in chart.panels[r * columns:(r + 1) * columns])
                   for r in range(rows)]
    width = max(chart.width * columns, 6.4)
    entries = max(1, int(width / (max((len(m.text) for m in chart.marks), default=1) * 0.085 + 0.6)))
    legend_lines = math.ceil(len(chart.marks) / entries)
    head = 0.45 + 0.24 * legend_lines
    height = sum(row_heights) + head
    with matplotlib.rc_context(STYLE):
        figure, grid = pyplot.subplots(rows, columns, squeeze=False, figsize=(width, height),
                                       gridspec_kw={"height_ratios": row_heights})
        for axes, panel in zip(grid.flat, chart.panels):
            _draw(axes, panel)
        for axes in list(grid.flat)[count:]:
            axes.set_axis_off()
        figure.tight_layout(rect=(0, 0, 1, 1 - head / height), w_pad=2, h_pad=1.5)
        figure.text(0.012, 1 - 0.1 / height, chart.title, fontsize=13, weight="bold", va="top")
        if chart.marks:
            figure.legend(handles=[_handle(mark) for mark in chart.marks], loc="upper left",
                          bbox_to_anchor=(0.005, 1 - 0.36 / height), handlelength=3,
                          ncol=min(entries, len(chart.marks)), columnspacing=1.6)
        figure.savefig(folder / f"{chart.name}.svg", metadata={"Date": None})
        figure.savefig(folder / f"{chart.name}.png", dpi=140)
        pyplot.close(figure)


def pieces(chart):
    """[(panel's title, SVG text for the page)]: no background, colours as CSS variables."""
    found = []
    with matplotlib.rc_context(STYLE):
        for number, panel in enumerate(chart.panels):
            figure, axes = pyplot.subplots(figsize=(chart.width, panel.height))
            _draw(axes, panel)
            figure.tight_layout()
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
            pyplot.close(figure)
            found.append((panel.title, _for_page(buffer.getvalue(), f"{chart.name}-{number}",
                                                 f"{chart.title}: {panel.title}")))
    return found


def _for_page(svg, prefix, title):
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg))
    svg = re.sub(r' id="([^"]+)"',
                 lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r"(url\(#|href=\"#)", lambda m: f"{m[1]}{prefix}-", svg)
    for colour, (variable, _dark) in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = svg.replace("#ffffff", "var(--paper)")
    svg = re.sub(r'font: ([^;"]*)\'DejaVu Sans\'[^;"]*', r"font: \1system-ui, sans-serif", svg)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
                 rf'<svg viewBox="\1" role="img" aria-label="{_escape(title)}">', svg, count=1)
    return re.sub(r"\n\s*", "\n", svg)


def _escape(text):
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
