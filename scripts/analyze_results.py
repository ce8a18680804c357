#!/usr/bin/python3
"""Plots and a report from a load test's results.

    scripts/analyze_results.py DIR       a results folder of `flashsale bench run`
    scripts/analyze_results.py PREFIX    Locust's CSV files: PREFIX_stats_history.csv, PREFIX_stats.csv
    scripts/analyze_results.py FILE.jtl  JMeter's samples in CSV form

Writes report.md, report.html (one file, no network) and plots/*.svg, *.png: into DIR, or for Locust
and JMeter beside the input into PREFIX-report, or where --out says.  Exit codes: 0 written; 1 could
not write; 2 wrong usage, or input that cannot be read (the line says where).
"""
import argparse
import os
import pathlib
import sys

try:
    from results_report import ReportError, document
    from results_report import figures, folder, page, report, outside
except ImportError as problem:
    sys.exit(f"analyze_results: {problem}. Run scripts/setup.sh test, or install python3-pandas "
             "python3-matplotlib python3-scipy, and use Debian's /usr/bin/python3")


def write_whole(path, text):
    """Beside, then renamed: a reader never sees half a file."""
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def read(source):
    """((title, blocks, charts), default output folder)"""
    path = pathlib.Path(source)
    if path.is_dir():
        return report.build(folder.Results(path)), path
    if path.suffix == ".jtl":
        return outside.build_jtl(path), path.with_name(path.stem + "-report")
    return outside.build_locust(source), pathlib.Path(f"{source}-report")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("source", metavar="DIR|PREFIX|FILE.jtl")
    parser.add_argument("--out", type=pathlib.Path, help="where to write (default: see above)")
    parser.add_argument("--no-html", action="store_true", help="only report.md and plots")
    options = parser.parse_args(arguments)
    try:
        (title, blocks, charts), home = read(options.source)
    except ReportError as problem:
        print(f"analyze_results: {problem}", file=sys.stderr)
        return 2
    home = options.out or home
    try:
        (home / "plots").mkdir(parents=True, exist_ok=True)
        for chart in charts:
            figures.save(chart, home / "plots")
        write_whole(home / "report.md", document.markdown(title, blocks))
        if not options.no_html:
            write_whole(home / "report.html", page.render(title, blocks))
    except OSError as problem:
        print(f"analyze_results: {problem}", file=sys.stderr)
        return 1
    print(f"{home / 'report.md'}: {len(charts)} charts in {home / 'plots'}"
          + ("" if options.no_html else f", page in {home / 'report.html'}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
