#!/usr/bin/env python3
"""CPU microseconds per purchase of the server, as ratios measured in one run.

    scripts/measure_cost.py [--build DIR] [--connections 64] [--seconds 4] [--reps 5] [--out DIR]

Subjects, interleaved in every repetition: a bare libh2o reply (tests/bench/bare_h2o.c), the null
strategy, and the strategies named by --subjects.  Each is loaded by the same wrk script (scripts/
purchase.lua: authenticated POST, unique idempotency key) over the same connections; server and wrk
are pinned to a core each.  CPU is utime + stime of all threads of the server from /proc/PID/stat
over the loaded span, divided by the answers that wrk counted.

Writes cost.csv (a row a repetition) and cost.md (medians and ratios) to --out, prints cost.md.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
ROOT = pathlib.Path(__file__).resolve().parent.parent


def cpu_seconds(pid):
    """User and system time of a process with all its threads, seconds, resolution 1/SC_CLK_TCK."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(method, url, body=None, token=None):
    request = urllib.request.Request(url, method=method,
                                     data=None if body is None else json.dumps(body).encode())
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def wait_for_port(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"the server ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("the server does not listen")


class Subject:
    """One server under load; a context manager that stops it by its pid."""

    def __init__(self, name, build, folder):
        self.name, self.build, self.folder = name, build, pathlib.Path(folder)
        self.port, self.admin = free_port(), free_port()
        self.prefix, self.workers = ["taskset", "-c", "0"], 1

    def command(self):
        if self.name == "bare":
            return [str(self.build / "tests/bare_h2o"), str(self.port)]
        strategy, _, options = self.name.partition("+")
        path = self.build / f"tests/strategies/{strategy}.so"
        command = [str(self.build / "flashsale"),
                   "--strategy", str(path) if path.exists() else strategy,
                   "--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin}",
                   "--workers", str(self.workers), "--data-dir", str(self.folder / "data"),
                   "--log-level", "warning"]
        for option in filter(None, options.split("+")):
            command += ["--set", option]
        if strategy == "v1":
            command += ["--set", "strategy_options.orders_max=4000000"]
        return command

    def __enter__(self):
        self.process = subprocess.Popen(self.prefix + self.command(), stdout=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)
        self.tokens = self.folder / "tokens"
        lines = ["x" * 150]
        if self.name != "bare":
            wait_for_port(self.admin, self.process)
            base = f"http://127.0.0.1:{self.port}"
            lines = [call("POST", base + "/login",
                          {"username": f"user_{n}", "password": "password123"})["access_token"]
                     for n in range(1, 201)]
            if not self.name.startswith("null"):
                admin = (self.folder / "data/admin.token").read_text().strip()
                call("PUT", f"http://127.0.0.1:{self.admin}/admin/products/1",
                     {"stock": 1_000_000_000, "reset": True}, admin)
        self.tokens.write_text("\n".join(lines) + "\n")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def load(self, connections, seconds, run, pinned=True):
        """One wrk run.  Returns (answers, answers that were not 2xx)."""
        result = subprocess.run(
            (["taskset", "-c", "1"] if pinned else []) + ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
             "-s", str(ROOT / "scripts/purchase.lua"), f"http://127.0.0.1:{self.port}/"],
            env={**os.environ, "TOKENS": str(self.tokens), "RUN": run},
            capture_output=True, text=True, timeout=seconds + 60, check=True)
        total = int(re.search(r"(\d+) requests in", result.stdout).group(1))
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", result.stdout)
        return total, int(bad.group(1)) if bad else 0


def measure(name, options, repetition):
    with tempfile.TemporaryDirectory() as folder, Subject(name, options.build, folder) as subject:
        subject.load(options.connections, 1, "warm")
        before, started = cpu_seconds(subject.process.pid), time.monotonic()
        answers, bad = subject.load(options.connections, options.seconds, "run")
        cpu, span = cpu_seconds(subject.process.pid) - before, time.monotonic() - started
        if bad:
            sys.exit(f"{name}: {bad} of {answers} answers were not 200: the figure would be of refusals")
        return {"subject": name, "repetition": repetition, "connections": options.connections,
                "answers": answers, "seconds": round(span, 3), "answers_per_second":
                round(answers / span), "cpu_us_per_answer": round(cpu / answers * 1e6, 3)}


def report(rows, options):
    medians = {}
    for row in rows:
        medians.setdefault(row["subject"], []).append(row["cpu_us_per_answer"])
    medians = {name: statistics.median(values) for name, values in medians.items()}
    lines = [f"CPU per purchase, {options.connections} connections, one worker, median of "
             f"{options.reps} interleaved repetitions of {options.seconds} s", "",
             "| subject | CPU us per answer | against bare | against null | answers/s |",
             "|---|---|---|---|---|"]
    for name, value in medians.items():
        rate = statistics.median(r["answers_per_second"] for r in rows if r["subject"] == name)
        ratios = [f"{value / medians[base]:.2f}" if base in medians else "" for base in
                  ("bare", "null")]
        lines.append(f"| {name} | {value:.2f} | {ratios[0]} | {ratios[1]} | {rate:.0f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--subjects", default="bare,null,v1,v1+strategy_options.durability=memory")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    if not shutil.which("wrk") or not shutil.which("taskset"):
        sys.exit("measure_cost: wrk and taskset are needed: run scripts/setup.sh")
    rows = []
    for repetition in range(1, options.reps + 1):
        for name in options.subjects.split(","):
            rows.append(measure(name, options, repetition))
            print(rows[-1], file=sys.stderr)
    text = report(rows, options)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        with open(options.out / "cost.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        (options.out / "cost.md").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
