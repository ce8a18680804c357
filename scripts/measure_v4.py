#!/usr/bin/env python3
"""What v4 costs beside v3: on one Redis, and on two.

    scripts/measure_v4.py [--build DIR] [--connections 64,256] [--seconds 4] [--reps 3] [--out DIR]

Subjects, interleaved in every repetition, each on private redis-servers with AOF always: v3 on one, v4 on
one, v4 on two, and v4 on two with twice the connections, so that each node has as many purchases under
way as the one.  Then the same of a sale that is sold out, where every answer is a refusal.  The server has one worker and is pinned to the first core with its Redis servers, wrk to
the second.  CPU is utime + stime from /proc/PID/stat over the loaded span, divided by the answers
that wrk counted; of Redis for each node alone, because the busiest node is what a sale can get no
faster than.

On two cores this cannot show two Redis servers that work at the same time: purchases a second are those
of one core.  What it shows is how much work a purchase leaves on each node, which is what a node
pinned to a core of its own would have to do.

Writes v4.csv and v4.md to --out, prints v4.md.
"""

import argparse
import csv
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from measure_cost import ROOT, Subject, call, cpu_seconds  # noqa: E402

# label: (what is started, times the connections)
SUBJECTS = {"v3, one Redis": ("v3", 1), "v4, one Redis": ("v4+redis.private_servers=1", 1),
            "v4, two Redis": ("v4+redis.private_servers=2", 1),
            "v4, two Redis, twice the connections": ("v4+redis.private_servers=2", 2)}


def nodes_of(pid):
    """Pids of the redis-servers that a flashsale process started."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name, rest = (folder / "stat").read_text().rsplit(")", 1)
        except OSError:
            continue
        if name.endswith("(redis-server") and int(rest.split()[1]) == pid:
            found.append(int(folder.name))
    return sorted(found)


def sell_out(subject):
    token = (subject.folder / "data/admin.token").read_text().strip()
    call("PUT", f"http://127.0.0.1:{subject.admin}/admin/products/1", {"stock": 0, "reset": True},
         token)


def measure(label, connections, is_sold_out, options, repetition):
    name, times = SUBJECTS[label]
    with tempfile.TemporaryDirectory() as folder, Subject(name, options.build, folder) as subject:
        nodes = nodes_of(subject.process.pid)
        if is_sold_out:
            sell_out(subject)
        subject.load(times * connections, 1, "warm")
        pids = [subject.process.pid, *nodes]
        before, started = [cpu_seconds(pid) for pid in pids], time.monotonic()
        answers, bad = subject.load(times * connections, options.seconds, "run")
        span = time.monotonic() - started
        server, *redis = [1e6 * (cpu_seconds(pid) - then) / answers
                          for pid, then in zip(pids, before)]
    if bad != (answers if is_sold_out else 0):
        sys.exit(f"{label}: {bad} of {answers} answers were not 200")
    return {"subject": label, "connections": connections, "sold_out": is_sold_out, "repetition": repetition,
            "answers_per_second": answers / span, "server_us": server, "redis_us": sum(redis),
            "busiest_node_us": max(redis)}


def median(rows, label, connections, key):
    return statistics.median(row[key] for row in rows
                             if row["subject"] == label and row["connections"] == connections)


def table(rows, connections, what):
    lines = [f"\n{connections} connections, {what}:\n",
             "| subject | answers/s | of v3 | server us | Redis us | busiest node us | of v3 |",
             "|---|---|---|---|---|---|---|"]
    base = next(iter(SUBJECTS))
    for label in SUBJECTS:
        rate, server, redis, busiest = (median(rows, label, connections, key) for key in (
            "answers_per_second", "server_us", "redis_us", "busiest_node_us"))
        lines.append(
            f"| {label} | {rate:.0f} | {rate / median(rows, base, connections, 'answers_per_second'):.2f}"
            f" | {server:.2f} | {redis:.2f} | {busiest:.2f}"
            f" | {busiest / median(rows, base, connections, 'busiest_node_us'):.2f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--connections", default="64,256")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    counts = [int(text) for text in options.connections.split(",")]
    runs = [(connections, False) for connections in counts] + [(counts[0], True)]
    rows = [measure(label, *run, options, repetition)
            for repetition in range(options.reps) for run in runs for label in SUBJECTS]
    lines = ["# v4 beside v3", "",
             f"Medians of {options.reps} runs of {options.seconds} s, interleaved; CPU per answer."]
    for connections, is_sold_out in runs:
        of_run = [row for row in rows if row["sold_out"] == is_sold_out]
        lines += table(of_run, connections, "sold out" if is_sold_out else "purchases")
    lines += ["", "One core for the server and all Redis servers: purchases a second on two nodes say "
              "nothing about two cores; the work of the busiest node does."]
    print("\n".join(lines))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "v4.md").write_text("\n".join(lines) + "\n")
        with open(options.out / "v4.csv", "w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, fieldnames=rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
