"""What the tests of reports share: folders of one strategy, and readers of what was written."""
import html.parser

import make_results
from results_report import document, folder, report

PLAN_PLOTS = {"throughput", "response_times", "error_rate", "users"}
CALM = {"capacity": 9000, "base_ms": 0.4, "server": 40, "redis": [20], "lock": None,
        "durability": "aof-always"}


def make(path, model=None, scenarios=("throughput",), name="v3", **more):
    """A folder of one strategy, CALM but for model."""
    more = {"reps": 1, "length": 5, **more}
    return make_results.make(path, scenarios, {name: {**CALM, **(model or {})}}, **more)


def replace(path, before, after):
    whole = path.read_text()
    assert before in whole
    path.write_text(whole.replace(before, after, 1))


def blocks_of(path):
    title, blocks, _ = report.build(folder.Results(path))
    return document.markdown(title, blocks)


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
