"""Makes results folders for the tests: columns as `flashsale bench run` writes them, figures from a
seeded model of strategies with known limits.

    python3 make_results.py DIR [--seconds 12] [--reps 5] [--seed 1] [--scenarios rush,throughput]
"""
import argparse
import csv
import json
import math
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from results_report import folder  # noqa: E402  (found by the line above)

# What a strategy is in the model: capacity a second, base response time, CPU of server and Redis.
STRATEGIES = {
    "v1": {"capacity": 9000, "base_ms": 0.4, "server": 92, "redis": [], "lock": 0.05,
           "durability": "journal"},
    "v2": {"capacity": 700, "base_ms": 12.0, "server": 30, "redis": [97], "lock": 0.61,
           "durability": "aof-always"},
    "v3": {"capacity": 7000, "base_ms": 0.9, "server": 70, "redis": [60], "lock": None,
           "durability": "aof-always"},
    "v4": {"capacity": 12000, "base_ms": 0.7, "server": 80, "redis": [45, 41], "lock": None,
           "durability": "aof-always"},
}
ZERO = {name: 0 for name in ("limit", "busy", "unavailable", "undetermined", "unexpected_4xx",
                             "http_5xx", "timeout", "transport", "cut", "in_progress", "replayed")}


def users_at(scenario, second, seconds):
    """(stage, users): steps in stress, a peak in spike, else flat."""
    part = second / seconds
    if scenario == "stress":
        step = min(int(part * 10), 9)
        return f"step-{(step + 1) * 500}", (step + 1) * 500
    if scenario == "spike":
        return ("peak", 1000) if 0.25 <= part < 0.6 else ("before" if part < 0.25 else "after", 10)
    return "hold", 500 if scenario == "soak" else 1000


def seconds_of(scenario, model, length, stock, rng):
    """Rows of timeseries.csv of one repetition, without their key."""
    left, rows = stock, []
    for second in range(length):
        stage, users = users_at(scenario, second, length)
        offered = users * 3 if scenario in ("stress", "spike", "soak") else model["capacity"]
        offered = int(offered * rng.uniform(0.98, 1.02))
        answered = int(min(offered, model["capacity"] * rng.uniform(0.97, 1.0)))
        load = min(offered / model["capacity"], 0.98)
        p50 = model["base_ms"] * (1 + load ** 4 * 3) * rng.uniform(0.95, 1.05)
        if offered > model["capacity"] * 1.05:
            p50 *= 40
        if model.get("stuck") and stage == "after":
            p50 *= 40
        drift = model.get("drift", 0) if scenario == "soak" else 0
        p50 *= 1 + drift * second / length
        sold = min(left, answered * 7 // 10)
        left -= sold
        rows.append({"second": second, "stage": stage, "users": users, **ZERO,
                     "in_flight": max(0, offered - answered), "offered": offered,
                     "answered": answered, "sold_units": sold, "sold": sold,
                     "sold_out": answered * 7 // 10 - sold, "errors": 0, "stock_left": left,
                     "latency_p50_ms": round(p50, 4), "latency_p99_ms": round(p50 * 4, 4),
                     "latency_max_ms": round(p50 * 9, 4)})
    return rows


def latencies(p50, count, rng):
    """Sorted response times in ms: log-normal, P99 about four times P50."""
    return sorted(p50 * math.exp(rng.gauss(0, 0.6)) for _ in range(count))


def hgrm(values):
    lines = ["       Value     Percentile TotalCount 1/(1-Percentile)", ""]
    for share in (0, .1, .25, .5, .75, .9, .95, .98, .99, .995, .999, .9995, .9999, 1):
        at = max(1, math.ceil(share * len(values)))
        inverse = "inf" if share == 1 else f"{1 / (1 - share):.2f}"
        lines.append(f"{values[at - 1]:12.3f} {share:2.12f} {at:10d} {inverse:>14}")
    lines.append(f"#[Mean = {sum(values) / len(values):12.3f}, StdDeviation = 0.0]")
    return "\n".join(lines) + "\n"


def run_of(key, rep, model, rows, values, stock):
    """A row of runs.csv."""
    at = lambda share: round(values[min(len(values) - 1, int(share * len(values)))], 4)  # noqa: E731
    total = {name: sum(row.get(name, 0) for row in rows) for name in
             ("offered", "answered", "sold", "sold_units", "sold_out")}
    length = len(rows)
    lock = model["lock"]
    return {**dict(zip(folder.KEY, key)), **ZERO, **total, "schema_version": 1, "profile": "ci",
            "rep": rep, "order": rep, "started_at": f"2026-11-23T04:{rep:02d}:00Z",
            "duration_s": length, "users": 1000, "connections": 1000, "valid": 1,
            "invalid_reason": "", "offered_per_s": total["offered"] / length,
            "answered_per_s": total["answered"] / length, "tps_sold": total["sold"] / length,
            "latency_p50_ms": at(.5), "latency_p95_ms": at(.95), "latency_p99_ms": at(.99),
            "latency_p999_ms": at(.999), "latency_max_ms": round(values[-1], 4),
            "latency_mean_ms": round(sum(values) / len(values), 4),
            "service_p50_ms": at(.45), "service_p99_ms": at(.985), "others_p50_ms": at(.3),
            "others_p99_ms": at(.9), "error_rate": 0,
            "lock_attempts": total["sold"] * 2 if lock else "",
            "lock_contended": int(total["sold"] * 2 * lock) if lock else "",
            "lock_contention": lock if lock else "",
            "lock_wait_p99_ms": round(at(.99) * (lock if lock else 0), 3) if lock else "",
            "accuracy_ok": 1, "violations": 0, "stock": stock, "left": rows[-1]["stock_left"],
            "sell_out_ms": 84.2 if rows[-1]["stock_left"] == 0 else "",
            "server_cpu_us_per_purchase": model["server"] * 1e4 / max(total["answered"] / length, 1),
            "redis_cpu_us_per_purchase":
                sum(model["redis"]) * 1e4 / max(total["answered"] / length, 1)
                if model["redis"] else "",
            "generator_cpu_us_per_request": 6.1, "store_commands_per_purchase": 0.02,
            "store_batch_mean": 48 if model["redis"] else "", "server_rss_mib_max": 40,
            "server_rss_mib_start": 31, "server_rss_mib_end": 40,
            "loop_lag_p99_ms": 0.2, "durability": model["durability"],
            "nodes": len(model["redis"]), "late_starts": 0, "generator_busy": 0.55}


def resources(model, length, scenario, rng):
    processes = [("server", model["server"]), ("generator", 55)]
    processes.append(("system", model.get("system", 150)))
    processes += [(f"redis-{n}", cpu) for n, cpu in enumerate(model["redis"])]
    for second in range(length):
        for name, cpu in processes:
            leak = model.get("leak_mib", 0) * second / length if scenario == "soak" else 0
            yield {"second": second, "process": name, "fds": 1100, "threads": 2,
                   "cpu_percent": round(cpu * rng.uniform(0.97, 1.03), 2),
                   "rss_mib": round(32 + leak + rng.uniform(0, 0.2), 3), "disk_read_bytes": 0,
                   "disk_write_bytes": 4096, "net_rx_bytes": 10, "net_tx_bytes": 10}


def write_csv(path, columns, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def write_cell(home, model, scenario, rows, values, rng):
    home.mkdir(parents=True)
    (home / "latency.hgrm").write_text(hgrm(values))
    write_csv(home / "resources.csv", folder.RESOURCE_COLUMNS,
              resources(model, len(rows), scenario, rng))
    write_csv(home / "redis.csv", folder.REDIS_COLUMNS, (
        {"second": s, "node": f"redis-{n}", "connections_received": 10, "ops_per_s": 5000,
         "rejected_connections": model.get("rejected", 0) if s else 0, "locks_live": 1,
         "used_memory_mib": 120, "fragmentation_ratio": model.get("fragmented", 1.1)}
        for s in range(len(rows)) for n in range(len(model["redis"]))))


def thresholds(runs):
    """The default targets over each cell's medians (here: its first run)."""
    targets = [("tps_sold", ">=", 100, "/s"), ("latency_p50_ms", "<", 100, "ms"),
            ("latency_p99_ms", "<", 500, "ms"), ("error_rate", "<", 0.001, "ratio"),
            ("lock_contention", "<", 0.3, "ratio"), ("accuracy_ok", "==", 1, "ratio")]
    for run in runs:
        for metric, comparison, target, unit in targets:
            actual = run[metric]
            if run["rep"] != 1 or actual == "" or (metric == "tps_sold" and run["scenario"] == "rush"):
                continue
            good = {">=": actual >= target, "<": actual < target, "==": actual == target}[comparison]
            status = "reported" if metric == "lock_contention" else "pass" if good else "fail"
            yield {**{k: run[k] for k in folder.KEY}, "metric": metric, "comparison": comparison,
                   "target": target, "unit": unit, "actual": actual, "status": status,
                   "source": "default"}


def make(path, scenarios=("rush", "throughput"), strategies=STRATEGIES, reps=5, length=12, seed=1):
    """Writes a whole results folder; strategies: {name or name+variant: model}.  A model's "run" are
    figures that stand in runs.csv whatever the model says."""
    path, rng = pathlib.Path(path), random.Random(seed)
    path.mkdir(parents=True, exist_ok=True)
    runs, series, audits = [], [], []
    for scenario in scenarios:
        for name, model in strategies.items():
            strategy, _, variant = name.partition("+")
            key = (strategy, variant, scenario)
            for rep in range(1, reps + 1):
                stock = 100 if scenario == "rush" else 10_000_000
                rows = seconds_of(scenario, model, length, stock, rng)
                values = latencies(rows[-1]["latency_p50_ms"], 2000, rng)
                runs.append(run_of(key, rep, model, rows, values, stock))
                runs[-1].update(model.get("run", {}))
                series += [{**dict(zip(folder.KEY, key)), "rep": rep, **row} for row in rows]
                units = runs[-1]["sold_units"]
                audits.append({**dict(zip(folder.KEY, key)), "rep": rep, "ok": 1,
                               **{name: 0 for name in folder.VIOLATIONS}, "stock": stock,
                               "restocked": 0, "sold_acknowledged": units, "sold_resolved": 0,
                               "sold_ledger": units, "left": stock - units, "in_transit": 0,
                               "unknown_left": 0, "first_offender": ""})
                write_cell(path / "cells" / name / scenario / f"rep-{rep}", model, scenario, rows,
                           values, rng)
    write_csv(path / "runs.csv", folder.RUN_COLUMNS, [
        {k: v for k, v in run.items() if k in folder.RUN_COLUMNS} for run in runs])
    write_csv(path / "timeseries.csv", folder.SECOND_COLUMNS, [
        {k: v for k, v in row.items() if k in folder.SECOND_COLUMNS} for row in series])
    write_csv(path / "accuracy.csv", folder.ACCURACY_COLUMNS, audits)
    write_csv(path / "thresholds.csv", folder.THRESHOLD_COLUMNS, thresholds(runs))
    (path / "manifest.json").write_text(json.dumps({
        "schema_version": 1, "name": "made", "created_at": "2026-11-23T04:00:00Z",
        "git_sha": "0" * 40, "git_dirty": False, "command": ["flashsale", "bench", "run"], "seed": seed,
        "versions": {"flashsale": "0.1.0", "redis": "7.0.15"}, "profile": "ci", "order": [],
        "machine": {"cpu_model": "made", "cores": 2, "memory_mib": 4096, "governor": "performance"},
        "pinning": {"server": "0", "redis": "any", "generator": "1"}, "cells": []}))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenarios", default="rush,throughput")
    options = parser.parse_args()
    make(options.dir, options.scenarios.split(","), reps=options.reps, length=options.seconds,
         seed=options.seed)


if __name__ == "__main__":
    main()
