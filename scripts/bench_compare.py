#!/usr/bin/python3
"""Compares two results folders of `flashsale bench run`: is B better than A, beyond the noise?

    scripts/bench_compare.py A B [--fail-on 'p99>+10%']... [--json FILE] [--all] [--common]

Prints markdown.  --fail-on takes METRIC>+N% or METRIC<-N%, with a column of runs.csv or a short name
(tps answered p50 p95 p99 p999 errors cpu redis_cpu rss contention).

Exit codes: 0 nothing crossed; 1 could not write; 2 wrong usage or folders that cannot be compared;
98 B violated accuracy (wins); 99 a --fail-on was crossed by a significant change.
"""
import argparse
import json
import sys

try:
    from results_report import ReportError, compare
    from results_report.folder import Results
except ImportError as problem:
    sys.exit(f"bench_compare: {problem}. Run scripts/setup.sh test, or install python3-pandas and "
             "python3-scipy, and use Debian's /usr/bin/python3")


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("a", metavar="A", help="the results folder to compare with")
    parser.add_argument("b", metavar="B", help="the results folder to judge")
    parser.add_argument("--fail-on", action="append", default=[], metavar="RULE",
                        help="'p99>+10%%': exit 99 on a significant change beyond it; repeatable")
    parser.add_argument("--json", metavar="FILE", help="also as JSON; - prints it instead")
    parser.add_argument("--all", action="store_true", help="show also what is within noise")
    parser.add_argument("--common", action="store_true",
                        help="compare only strategies and scenarios that both folders have")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = options_of(arguments)
    try:
        gates = [compare.gate(words) for words in options.fail_on]
        old, new = Results(options.a), Results(options.b)
        found = compare.rows(old, new, options.common)
    except ReportError as problem:
        print(f"bench_compare: {problem}", file=sys.stderr)
        return 2
    try:
        if options.json:
            whole = json.dumps(compare.as_json(found, old, new, gates), indent=2) + "\n"
            if options.json == "-":
                print(whole, end="")
            else:
                with open(options.json, "w", encoding="utf-8") as file:
                    file.write(whole)
        if options.json != "-":
            print(compare.markdown(found, old, new, gates, options.all), end="")
    except OSError as problem:
        print(f"bench_compare: {problem}", file=sys.stderr)
        return 1
    if compare.violated(new):
        return 98
    return 99 if any(one.crossed_by(row) for one in gates for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
