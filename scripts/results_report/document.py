"""A report as blocks, and its form in markdown.  page.py makes the HTML of the same blocks.

Inside texts only `code` and **strong** are marked up."""
import dataclasses


@dataclasses.dataclass
class Heading:
    text: str
    level: int = 2


@dataclasses.dataclass
class Text:
    text: str
    kind: str = ""          # "pass", "fail", "warn": the verdict's colour


@dataclasses.dataclass
class Bullets:
    items: list
    ordered: bool = False


@dataclasses.dataclass
class Table:
    columns: list           # names; one that begins with ">" is aligned to the right
    rows: list              # of texts
    caption: str = ""
    folded: bool = False    # behind a line to open, in the page


@dataclasses.dataclass
class Picture:
    chart: object           # figures.Chart


def markdown(title, blocks):
    lines = [f"# {title}", ""]
    for block in blocks:
        lines += _markdown(block) + [""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(block):
    if isinstance(block, Heading):
        return [f"{'#' * block.level} {block.text}"]
    if isinstance(block, Text):
        return [block.text]
    if isinstance(block, Bullets):
        return [f"{f'{n}.' if block.ordered else '-'} {item}" for n, item in enumerate(block.items, 1)]
    if isinstance(block, Picture):
        chart = block.chart
        return [f"![{chart.title}](plots/{chart.name}.svg)", "", f"*{chart.title}.* {chart.caption}"]
    lines = [block.caption, ""] if block.caption else []
    lines.append("| " + " | ".join(name.lstrip(">") for name in block.columns) + " |")
    lines.append("|" + "|".join("--:" if name.startswith(">") else "---"
                                for name in block.columns) + "|")
    return lines + ["| " + " | ".join(_cell(text) for text in row) + " |" for row in block.rows]


def _cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")
