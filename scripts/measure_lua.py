#!/usr/bin/env python3
"""Redis CPU microseconds per purchase of the batch script, by batch size; variants in one run.

    scripts/measure_lua.py [--appendfsync always|everysec|no|off] [--batches 1,16,64,256]
                           [--purchases 40000] [--reps 5] [--no-claims] [SCRIPT.lua ...]

Without SCRIPT the one of the tree is measured (strategies/ledger/decide.lua).  Every repetition runs
each script with each batch size, interleaved, on a fresh data set of one private redis-server: a
sale of any number of units and a share for each buyer, 10,000 buyers, each order new.  CPU is utime +
stime of the whole redis-server from /proc, so it holds reading, the script, the append-only file and
answering.  Prints medians, and each size's share of the unbatched cost.
"""

import argparse
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/unit/ledger"))

from redis import Redis  # noqa: E402: the folder is on the path only now

KEYS = ["fs:{1}:sale", "fs:{1}:orders", "fs:{1}:buyers", "fs:{1}:log", "fs:claims"]


def measure(redis, source, batch, purchases, has_claims):
    """CPU us per purchase."""
    redis.ask("FLUSHALL")
    redis.ask("HSET", KEYS[0], "epoch", 1, "seq", 1, "initial", 10 ** 9, "restocked", 0, "left",
              10 ** 9, "sold", 0, "state", 1, "per_buyer", 1000, "per_order", 0, "opens", 0,
              "closes", 0)
    keys = KEYS if has_claims else KEYS[:4]
    witness = (0, 0, "")
    sold = 0
    before = redis.cpu_us()
    while sold < purchases:
        ops = []
        for _ in range(batch):
            sold += 1
            ops += ["%026d" % sold, "user_%d" % (sold % 10000), 1]
        answer = redis.run(source, keys, *witness, "1" if has_claims else "", 100000, "run",
                           4102444800000, "", *ops)
        assert answer[4] == "D" * batch, answer
        witness = (1, answer[2] + batch, ops[-3])
    return (redis.cpu_us() - before) / sold


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--appendfsync", default="always",
                        choices=["always", "everysec", "no", "off"])
    parser.add_argument("--batches", default="1,16,64,256")
    parser.add_argument("--purchases", type=int, default=40000)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--no-claims", action="store_true")
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT.lua")
    arguments = parser.parse_args()
    parts = ("allowed_begin.lua", "decide.lua", "allowed_end.lua")
    tree = "\n".join((ROOT / "strategies/ledger" / part).read_text() for part in parts)
    names = arguments.scripts or ["strategies/ledger/decide.lua"]
    batches = [int(size) for size in arguments.batches.split(",")]
    results = {}
    with Redis(None if arguments.appendfsync == "off" else arguments.appendfsync) as redis:
        for _ in range(arguments.reps):
            for batch in batches:
                for name in names:
                    count = arguments.purchases if batch >= 16 else arguments.purchases // 8
                    results.setdefault((name, batch), []).append(
                        measure(redis, pathlib.Path(name).read_text() if arguments.scripts else tree, batch, count,
                                not arguments.no_claims))
    print(f"appendfsync {arguments.appendfsync}, {arguments.reps} repetitions, "
          f"claims {'off' if arguments.no_claims else 'on'}: Redis CPU us per purchase")
    for name in names:
        alone = statistics.median(results[name, batches[0]])
        for batch in batches:
            times = results[name, batch]
            median = statistics.median(times)
            print(f"{pathlib.Path(name).name:24} batch {batch:5}  {median:7.2f}  "
                  f"({min(times):.2f} to {max(times):.2f})  {median / alone:.0%} of batch "
                  f"{batches[0]}")


if __name__ == "__main__":
    main()
