#!/usr/bin/env python3
"""What a purchase through Redis costs: v3 batched and unbatched, against null, and against webdis.

    scripts/measure_redis.py [--build DIR] [--connections 64,256] [--webdis 1000] [--seconds 4]
                             [--reps 3] [--out DIR]

First table: CPU microseconds per purchase of the server and of its private redis-server (AOF always),
for the null strategy, v3, and v3 with batch_max=1, interleaved; one worker pinned to the first core
with Redis, wrk on the second.  Second table: purchases per second of v3 and of webdis (Debian's
package; one EVALSHA of the same script with one purchase a request; a redis-server with AOF always)
at --webdis connections, nothing pinned; left out, and said so, where webdis is not installed.

Writes redis.csv and redis.md to --out, prints redis.md.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from measure_cost import ROOT, Subject, call, cpu_seconds, free_port, wait_for_port  # noqa: E402

V3, UNBATCHED = "v3", "v3+strategy_options.batch_max=1"


def redis_of(pid):
    """The pid of the redis-server that a flashsale process started; None: none."""
    for folder in pathlib.Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)
        except (OSError, NotADirectoryError):
            continue
        if fields[0].endswith("(redis-server") and int(fields[1].split()[1]) == pid:
            return int(folder.name)
    return None


def batch_of(subject, before):
    """Mean purchases per store command since before, and the counters now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{subject.admin}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    now = [float(re.search(rf"^store_batch_size_{name} (\S+)", text, re.M).group(1))
           for name in ("sum", "count")]
    count = now[1] - before[1]
    return ((now[0] - before[0]) / count if count else 0.0), now


def measure(name, connections, options):
    with tempfile.TemporaryDirectory() as folder, Subject(name, options.build, folder) as subject:
        redis = redis_of(subject.process.pid)
        subject.load(connections, 1, "warm")
        _, counters = batch_of(subject, [0.0, 0.0])
        before = [cpu_seconds(pid) for pid in (subject.process.pid, redis) if pid]
        answers, bad = subject.load(connections, options.seconds, "run")
        after = [cpu_seconds(pid) for pid in (subject.process.pid, redis) if pid]
        batch, _ = batch_of(subject, counters)
        if bad:
            sys.exit(f"{name}: {bad} of {answers} answers were not 200")
        cost = [(b - a) / answers * 1e6 for a, b in zip(before, after)]
        return {"subject": name, "connections": connections, "answers": answers,
                "answers_per_second": round(answers / options.seconds),
                "server_us": round(cost[0], 3), "redis_us": round(cost[1], 3) if redis else 0,
                "batch_mean": round(batch, 1)}


def start_redis(folder):
    path = folder / "redis.sock"
    process = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", str(path), "--dir", str(folder),
         "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy",
         "noeviction"], stdout=subprocess.DEVNULL)
    for _ in range(100):
        if path.exists():
            return process, path
        time.sleep(0.05)
    sys.exit("redis-server did not start")


def redis_cli(path, *words, text=None):
    return subprocess.run(["redis-cli", "-s", str(path), *words], input=text, text=True, check=True,
                          capture_output=True).stdout.strip()


def webdis_rate(connections, seconds, repetition):
    """Purchases per second through webdis."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = pathlib.Path(name), free_port()
        redis, path = start_redis(folder)
        web = None
        try:
            source = "\n".join((ROOT / "strategies/ledger" / part).read_text() for part in
                               ("allowed_begin.lua", "decide.lua", "allowed_end.lua"))
            sha = redis_cli(path, "-x", "SCRIPT", "LOAD", text=source)
            assert re.fullmatch("[0-9a-f]{40}", sha), sha
            redis_cli(path, "HSET", "fs:{1}:sale", "epoch", "1", "seq", "1", "initial", "1000000000",
                      "restocked", "0", "left", "1000000000", "sold", "0", "state", "1",
                      "per_buyer", "0", "per_order", "0", "opens", "0", "closes", "0")
            config = folder / "webdis.json"
            config.write_text(json.dumps({
                "redis_host": str(path), "http_host": "127.0.0.1", "http_port": port,
                "threads": 2, "pool_size": 20, "daemonize": False, "database": 0, "verbosity": 0,
                "logfile": str(folder / "webdis.log")}))
            web = subprocess.Popen(["webdis", str(config)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
            wait_for_port(port, web)
            result = subprocess.run(
                ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
                 str(ROOT / "scripts/webdis.lua"), f"http://127.0.0.1:{port}/"],
                env={**os.environ, "SHA": sha, "RUN": str(repetition)}, capture_output=True,
                text=True, check=True, timeout=seconds + 60)
            sold = int(redis_cli(path, "HGET", "fs:{1}:sale", "sold"))
            answers = int(re.search(r"(\d+) requests in", result.stdout).group(1))
            # Sales count, not answers: a refused command is answered quickly, too.
            return min(sold, answers) / seconds
        finally:
            for process in filter(None, (web, redis)):
                process.terminate()
                process.wait(20)


def v3_rate(connections, seconds, options):
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(V3, options.build, folder)
        subject.prefix, subject.workers = [], 2
        with subject:
            answers, bad = subject.load(connections, seconds, "run", pinned=False)
            return (answers - bad) / seconds


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def cost_table(rows, options):
    lines = [f"CPU per purchase, AOF always, median of {options.reps} interleaved repetitions of "
             f"{options.seconds} s", "",
             "| connections | subject | server us | against null | Redis us | against unbatched | "
             "mean batch | answers/s |", "|---|---|---|---|---|---|---|---|"]
    for connections in options.connections:
        here = [row for row in rows if row["connections"] == connections]
        of = {name: [row for row in here if row["subject"] == name]
              for name in ("null", V3, UNBATCHED)}
        for name, mine in of.items():
            server, redis = median(mine, "server_us"), median(mine, "redis_us")
            lines.append(
                f"| {connections} | {name} | {server:.2f} | "
                f"{server / median(of['null'], 'server_us'):.2f} | {redis:.2f} | "
                f"{redis / median(of[UNBATCHED], 'redis_us'):.2f} | "
                f"{median(mine, 'batch_mean'):.1f} | {median(mine, 'answers_per_second'):.0f} |")
    return lines


def webdis_table(options):
    if not shutil.which("webdis"):
        return ["webdis is not installed: not compared."]
    rates = {"v3": [], "webdis": []}
    for repetition in range(1, options.reps + 1):
        rates["webdis"].append(webdis_rate(options.webdis, options.seconds, repetition))
        rates["v3"].append(v3_rate(options.webdis, options.seconds, options))
        print(rates, file=sys.stderr)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return [f"Purchases per second at {options.webdis} connections, median of {options.reps}", "",
            "| server | purchases/s | against webdis |", "|---|---|---|"] + [
            f"| {name} | {value:.0f} | {value / medians['webdis']:.2f} |"
            for name, value in medians.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--connections", default="64,256")
    parser.add_argument("--webdis", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    options.connections = [int(text) for text in options.connections.split(",")]
    rows = []
    for repetition in range(1, options.reps + 1):
        for connections in options.connections:
            for name in ("null", V3, UNBATCHED):
                rows.append({"repetition": repetition, **measure(name, connections, options)})
                print(rows[-1], file=sys.stderr)
    text = "\n".join(cost_table(rows, options) + [""] + webdis_table(options)) + "\n"
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        with open(options.out / "redis.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        (options.out / "redis.md").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
