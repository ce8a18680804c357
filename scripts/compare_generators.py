#!/usr/bin/env python3
"""The load generator beside wrk and h2load: requests per second and CPU, on the same closed load.

    scripts/compare_generators.py [--build DIR] [--subject null] [--connections 64] [--seconds 3]
                                  [--reps 5] [--out DIR]

One server, one worker, on core 0; each generator on core 1, one thread, in turn
within every repetition: flashsale's own (tests/bench_drive, scenario throughput), wrk (scripts/
purchase.lua) and h2load over HTTP/1.1.  All send authenticated purchases of one unit and wait for each
answer; h2load cannot change a header, so its purchases have no idempotency key.  CPU is user + system
of the generator (of all its life) and of the server, per answer.

Writes generators.csv (a row a repetition) and generators.md (medians and ratios) to --out, prints the
latter.  Exits 1 when the throughputs differ by more than a tenth and no full core of the slower generator
explains it.
"""

import argparse
import csv
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from measure_cost import ROOT, Subject, cpu_seconds

AGREE = 0.10
BUSY = 0.90  # of its core: what `flashsale bench` calls the generator's limit


def run_own(subject, options, _run):
    command = [str(options.build / "tests/bench_drive"),
               str(ROOT / "load_tests/scenarios/throughput.yaml"), "smoke",
               f"127.0.0.1:{subject.port}", "--users", str(options.connections),
               "--seconds", str(options.seconds)]
    text = run(command)
    figures = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    if float(figures["errors"]):
        sys.exit(f"flashsale: {figures['errors']} errors")
    return (int(figures["history"]), float(figures["answered_per_s"]),
            float(figures["latency_p50_us"]), float(figures["latency_p99_us"]))


def microseconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def run_wrk(subject, options, name):
    text = run(["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency", "-s",
                str(ROOT / "scripts/purchase.lua"), f"http://127.0.0.1:{subject.port}/"],
               {"TOKENS": str(subject.tokens), "RUN": name})
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"wrk: {text}")
    percentile = {p: microseconds(re.search(rf"^ +{p}%\s+(\S+)", text, re.M)[1]) for p in (50, 99)}
    return (int(re.search(r"(\d+) requests in", text)[1]),
            float(re.search(r"Requests/sec:\s+([0-9.]+)", text)[1]), percentile[50], percentile[99])


def run_h2load(subject, options, _run):
    token = subject.tokens.read_text().splitlines()[0]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        body.write('{"quantity":1}')
        body.flush()
        text = run(["h2load", "--h1", "-t1", f"-c{options.connections}", f"-D{options.seconds}",
                    "-d", body.name, "-H", f"Authorization: Bearer {token}", "-H",
                    "Content-Type: application/json", f"http://127.0.0.1:{subject.port}/purchase/1"])
    status = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if any(int(n) for n in status.groups()[1:]):
        sys.exit(f"h2load: {text}")
    mean = microseconds(re.search(r"time for request:\s+\S+\s+\S+\s+(\S+)", text)[1])
    return (int(status[1]), float(re.search(r"finished in .*?, ([0-9.]+) req/s", text)[1]), mean, "")


def run(command, more=None):
    """The output of a generator on core 1."""
    done = subprocess.run(["taskset", "-c", "1"] + command, env={**os.environ, **(more or {})},
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout


GENERATORS = {"flashsale": run_own, "wrk": run_wrk, "h2load": run_h2load}


def measure(subject, name, options, repetition):
    server, begun = cpu_seconds(subject.process.pid), time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answers, rate, p50, p99 = GENERATORS[name](subject, options, f"{name}{repetition}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    span = time.monotonic() - begun
    server = cpu_seconds(subject.process.pid) - server
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"generator": name, "repetition": repetition, "connections": options.connections,
            "answers": answers, "answers_per_second": round(rate),
            "latency_p50_us": p50, "latency_p99_us": p99,
            "generator_cpu_us_per_answer": round(own / answers * 1e6, 2),
            "server_cpu_us_per_answer": round(server / answers * 1e6, 2),
            "server_busy": round(server / span, 3)}


def busy(rows, name):
    """The share of its core that a generator used while it ran: each has one thread."""
    return statistics.median(row["generator_cpu_us_per_answer"] * row["answers_per_second"] / 1e6
                             for row in rows if row["generator"] == name)


def median(rows, name, field):
    return statistics.median(row[field] for row in rows if row["generator"] == name)


def report(rows, options):
    rates = {name: median(rows, name, "answers_per_second") for name in GENERATORS}
    lines = [f"The same closed load from three generators: {options.subject}, {options.connections} "
             f"connections, one worker, median of {options.reps} interleaved repetitions of "
             f"{options.seconds} s", "",
             "| generator | answers/s | against wrk | p50 us | its CPU us per answer | its core busy | "
             "server's CPU us per answer | CPU against server |", "|---|---|---|---|---|---|---|---|"]
    for name, rate in rates.items():
        own = median(rows, name, "generator_cpu_us_per_answer")
        server = median(rows, name, "server_cpu_us_per_answer")
        p50 = "" if name == "h2load" else f"{median(rows, name, 'latency_p50_us'):.0f}"
        lines.append(f"| {name} | {rate:.0f} | {rate / rates['wrk']:.2f} | {p50} | {own:.2f} | "
                     f"{busy(rows, name):.0%} | {server:.2f} | {own / server:.2f} |")
    off = {name: rates["flashsale"] / rates[name] - 1 for name in ("wrk", "h2load")}
    far = [name for name, value in off.items() if abs(value) > AGREE]
    # One that sends less because its own core is full does not disagree about the server.
    full = [name for name in far if off[name] > 0 and busy(rows, name) > BUSY]
    lines += ["", f"flashsale's generator differs by {abs(off['wrk']):.1%} from wrk and "
              f"{abs(off['h2load']):.1%} from h2load: {'more than' if far else 'within'} {AGREE:.0%}."]
    lines += [f"That is explained: {name}'s own core was {busy(rows, name):.0%} busy (flashsale's "
              f"{busy(rows, 'flashsale'):.0%}), so it was the limit and not the server." for name in full]
    return "\n".join(lines) + "\n", set(far) == set(full)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--subject", default="null", help="strategy, as in measure_cost.py")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    for tool in ("wrk", "h2load", "taskset"):
        if not shutil.which(tool):
            sys.exit(f"compare_generators: {tool} is needed: run scripts/setup.sh")
    rows = []
    with tempfile.TemporaryDirectory() as folder, Subject(options.subject, options.build, folder) as subject:
        for name in GENERATORS:
            GENERATORS[name](subject, options, "warm")
        for repetition in range(1, options.reps + 1):
            for name in GENERATORS:
                rows.append(measure(subject, name, options, repetition))
                print(rows[-1], file=sys.stderr)
    text, agrees = report(rows, options)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        with open(options.out / "generators.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        (options.out / "generators.md").write_text(text, encoding="utf-8")
    print(text, end="")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
