"""The report as one HTML file: no network, no framework, light and dark, narrow and wide.

Tables are sorted by a click on a column's name; the page is whole without scripts too."""
import html
import re

from . import figures
from .document import Bullets, Heading, Picture, Table, Text

CSS = """
:root { color-scheme: light dark; --paper: #fff; --raised: #f6f7f9; --pass: #0a6b45; --fail: #b3261e;
  --warn: #8a5a00; LIGHT }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --raised: #1e2329; --pass: #4fd19c;
  --fail: #ff8a80; --warn: #f0b84a; DARK } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem clamp(.8rem, 3vw, 2.5rem) 4rem; max-width: 84rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.2 } h2 { margin: 2.6rem 0 .6rem; font-size: 1.25rem }
h3 { margin: 1.6rem 0 .4rem; font-size: 1.05rem }
p, li { max-width: 48rem } li { margin: .35rem 0 }
code { background: var(--raised); padding: .1em .3em; border-radius: 3px; font-size: .9em;
  overflow-wrap: anywhere }
.verdict { padding: .8rem 1rem; border-left: .35rem solid var(--muted); background: var(--raised);
  max-width: none }
.verdict.pass { border-color: var(--pass) } .verdict.fail { border-color: var(--fail) }
.verdict.warn { border-color: var(--warn) }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; font-size: .92rem; padding: .5rem 0 }
nav a, a { color: var(--s0) }
.scroll { overflow-x: auto; margin: .6rem 0 1.2rem; border: 1px solid var(--grid); border-radius: 6px }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: .5rem .7rem; color: var(--muted) }
th, td { padding: .35rem .7rem; text-align: left; border-top: 1px solid var(--grid);
  white-space: nowrap }
td.wrap { white-space: normal; min-width: 16rem }
thead th { border-top: 0; white-space: normal; vertical-align: bottom;
  background: var(--raised); position: sticky; top: 0 }
tbody th { font-weight: 500 } .right { text-align: right }
thead button { all: unset; cursor: pointer; font-weight: 600 }
thead button:focus-visible { outline: 2px solid var(--s0); outline-offset: 3px }
th[aria-sort=ascending] button::after { content: " \\2191" }
th[aria-sort=descending] button::after { content: " \\2193" }
.s-pass { color: var(--pass); font-weight: 600 } .s-fail { color: var(--fail); font-weight: 700 }
.s-warn { color: var(--warn); font-weight: 600 }
figure { margin: 1.4rem 0 } figcaption { color: var(--muted); font-size: .92rem; max-width: 48rem }
.panels { display: grid; gap: .8rem 1.4rem; grid-template-columns: repeat(auto-fit,
  minmax(min(100%, 20rem), 1fr)) }
.panels > div { max-width: 34rem } .panels svg { width: 100%; height: auto; display: block }
svg * { stroke-linejoin: round; stroke-linecap: butt }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .5rem 0; font-size: .88rem }
.legend svg { width: 2.4em; height: .9em; vertical-align: -.1em; margin-right: .4em }
summary { cursor: pointer; color: var(--s0) } footer { margin-top: 3rem; color: var(--muted) }
@media (max-width: 40rem) { body { font-size: 15px } th, td { padding: .3rem .5rem } }
@media print { thead button::after { content: "" } figure, tr { break-inside: avoid } }
"""

SCRIPT = """
for (const button of document.querySelectorAll("thead button")) button.onclick = () => {
  const head = button.parentElement, table = head.closest("table"), at = head.cellIndex;
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = row => { const cell = row.cells[at].textContent.trim();
    const number = parseFloat(cell.replace(/,/g, "")); return isNaN(number) ? cell : number; };
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => { const x = key(a), y = key(b);
    const order = typeof x === "number" && typeof y === "number" ? x - y :
      typeof x === "number" ? -1 : typeof y === "number" ? 1 : x.localeCompare(y);
    return down ? -order : order; });
  table.tBodies[0].append(...rows);
};
"""


def render(title, blocks):
    """The whole page."""
    light = " ".join(f"{name}: {colour};" for colour, (name, _) in figures.VARIABLES.items())
    dark = " ".join(f"{name}: {colour};" for name, colour in figures.VARIABLES.values())
    css = CSS.replace("LIGHT", light).replace("DARK", dark)
    body = [f"<h1>{html.escape(title)}</h1>"]
    verdict = next((b for b in blocks if isinstance(b, Text) and b.kind), None)
    body += [_block(block) for block in blocks[:1 + blocks.index(verdict)]] if verdict else []
    body.append(_contents(blocks))
    body += [_block(block) for block in blocks[1 + blocks.index(verdict) if verdict else 0:]]
    return (f"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
            f"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            f"<title>{html.escape(title)}</title>\n<style>{css}</style></head>\n<body>\n"
            + "\n".join(body) + f"\n<script>{SCRIPT}</script></body></html>\n")


def _contents(blocks):
    links = [f'<a href="#{_anchor(b.text)}">{html.escape(b.text)}</a>' for b in blocks
             if isinstance(b, Heading) and b.level == 2]
    return f"<nav aria-label=\"Contents\">{''.join(links)}</nav>" if len(links) > 2 else ""


def _anchor(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _inline(text):
    text = html.escape(str(text), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)


def _block(block):
    if isinstance(block, Heading):
        return (f'<h{block.level} id="{_anchor(block.text)}">{html.escape(block.text)}'
                f"</h{block.level}>")
    if isinstance(block, Text):
        kind = f' class="verdict {block.kind}"' if block.kind else ""
        return f"<p{kind}>{_inline(block.text)}</p>"
    if isinstance(block, Bullets):
        tag = "ol" if block.ordered else "ul"
        return f"<{tag}>{''.join(f'<li>{_inline(item)}</li>' for item in block.items)}</{tag}>"
    if isinstance(block, Table):
        return _table(block)
    assert isinstance(block, Picture)
    return _picture(block.chart)


STATUS = {"pass": "pass", "yes": "pass", "fail": "fail", "no": "fail", "invalid": "warn",
          "not proven": "warn", "not judged": "warn", "reported": ""}


def _table(table):
    right = [name.startswith(">") for name in table.columns]
    head = "".join(f'<th scope="col"{_class(["right"] if r else [])}><button type="button">'
                   f"{html.escape(name.lstrip('>'))}</button></th>"
                   for name, r in zip(table.columns, right))
    rows = []
    for row in table.rows:
        cells = []
        for at, (text, r) in enumerate(zip(row, right)):
            names = ["right"] if r else []
            status = STATUS.get(str(text).split(":")[0])
            names += [f"s-{status}"] if status else []
            names += ["wrap"] if len(str(text)) > 44 else []
            tag = "th scope=\"row\"" if at == 0 else "td"
            cells.append(f"<{tag}{_class(names)}>{_inline(text)}</{tag[:2]}>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption>{_inline(table.caption)}</caption>" if table.caption else ""
    whole = (f'<div class="scroll" tabindex="0"><table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>'
             + "\n".join(rows) + "</tbody></table></div>")
    if table.folded:
        return f"<details><summary>All {len(table.rows)} rows</summary>{whole}</details>"
    return whole


def _class(names):
    return f' class="{" ".join(names)}"' if names else ""


def _picture(chart):
    panels = "".join(f"<div>{svg}</div>\n" for _, svg in figures.pieces(chart))
    legend = "".join(f"<span>{_swatch(n, m, chart.name)}{html.escape(m.text)}</span>"
                     for n, m in enumerate(chart.marks))
    return (f'<figure><h3 id="{chart.name}">{html.escape(chart.title)}</h3><figcaption>'
            f'{_inline(chart.caption)}</figcaption>\n<div class="legend">{legend}</div>\n'
            f'<div class="panels">{panels}</div></figure>')


HATCHES = {"//": "M-2 10L10 -2M4 16L16 4", "\\\\": "M-2 -2L10 10M4 -8L16 4",
           "xx": "M-2 10L10 -2M-2 -2L10 10"}
SHAPES = {"o": '<circle cx="18" cy="6" r="4"/>', "s": '<path d="M14 2h8v8h-8z"/>',
          "^": '<path d="M18 1l5 9h-10z"/>', "D": '<path d="M18 1l5 5-5 5-5-5z"/>',
          "v": '<path d="M18 11l5-9h-10z"/>', "P": '<path d="M16 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z"/>',
          "X": '<path d="M14 1l4 3 4-3v3l-2 2 2 2v3l-4-3-4 3v-3l2-2-2-2z"/>',
          "*": '<path d="M18 0l2 4h4l-3 3 1 5-4-3-4 3 1-5-3-3h4z"/>', "|": '<path d="M17 0h2v12h-2z"/>'}


def _swatch(number, mark, name):
    colour = f"var({figures.VARIABLES[mark.colour][0]})"
    if mark.patch:
        stripes, define = "", ""
        if mark.hatch:
            key = f"hatch-{name}-{number}"
            define = (f'<pattern id="{key}" width="8" height="8" patternUnits="userSpaceOnUse">'
                      f'<path d="{HATCHES[mark.hatch]}" stroke="var(--paper)" fill="none"/></pattern>')
            stripes = f'<rect width="36" height="12" fill="url(#{key})"/>'
        return (f'<svg viewBox="0 0 36 12" aria-hidden="true">{define}<rect width="36" height="12" '
                f'fill="{colour}"/>{stripes}</svg>')
    line = ""
    if mark.dash != "none":
        dash = mark.dash[1] if isinstance(mark.dash, tuple) else ()
        pattern = f' stroke-dasharray="{" ".join(str(1.6 * d) for d in dash)}"' if dash else ""
        line = f'<path d="M0 6H36" stroke="{colour}" stroke-width="2.4" fill="none"{pattern}/>'
    return (f'<svg viewBox="0 0 36 12" aria-hidden="true" fill="{colour}">{line}'
            f'{SHAPES.get(mark.marker, "")}</svg>')
