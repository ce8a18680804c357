"""A results folder (schema_version 1) as data: repetitions grouped into cells.

runs.csv is the canonical table; everything else may be missing, and then the report goes without
it and says so."""
import json
import math
import pathlib

import pandas

from . import ReportError, hgrm, tables

RUN_TEXTS = ["strategy", "variant", "scenario", "profile", "started_at", "invalid_reason",
             "durability"]
RUN_COLUMNS = """schema_version strategy variant scenario profile rep order started_at duration_s users
connections valid invalid_reason offered answered sold sold_units sold_out limit busy unavailable
undetermined unexpected_4xx http_5xx timeout transport cut in_progress replayed offered_per_s
answered_per_s tps_sold latency_p50_ms latency_p95_ms latency_p99_ms latency_p999_ms latency_max_ms
latency_mean_ms service_p50_ms service_p99_ms others_p50_ms others_p99_ms error_rate lock_attempts
lock_contended lock_contention lock_wait_p99_ms accuracy_ok violations stock left sell_out_ms
server_cpu_us_per_purchase redis_cpu_us_per_purchase generator_cpu_us_per_request
store_commands_per_purchase store_batch_mean server_rss_mib_max server_rss_mib_start
server_rss_mib_end loop_lag_p99_ms durability nodes late_starts generator_busy""".split()
NEW_COLUMNS = ["slowdown", "recovery_s"]  # not in older folders
SECOND_COLUMNS = """strategy variant scenario rep second stage users in_flight offered answered
sold_units sold sold_out limit busy unavailable undetermined errors latency_p50_ms latency_p99_ms
latency_max_ms stock_left""".split()
ACCURACY_COLUMNS = """strategy variant scenario rep ok oversold undersold false_refusal duplicate_order
lost_order unasked_order limit conservation metrics replay false_not_taken stock restocked sold_acknowledged
sold_resolved sold_ledger left in_transit unknown_left first_offender""".split()
VIOLATIONS = ACCURACY_COLUMNS[5:16]
THRESHOLD_COLUMNS = """strategy variant scenario metric comparison target unit actual status
source""".split()
RESOURCE_COLUMNS = """second process cpu_percent cpu_user_s cpu_sys_s rss_mib voluntary_switches
involuntary_switches net_rx_bytes net_tx_bytes disk_read_bytes disk_write_bytes fds threads""".split()
BUCKET_COLUMNS = "ms in_flight offered answered sold_units errors stock_left".split()
BUCKET_MS = 10
LEVELS = ["stock_left", "in_flight"]  # of the bucket's end; the other columns count within it
SHORT_S = 5  # a run up to here is drawn in buckets, where it has them
REDIS_COLUMNS = """second node connections_received ops_per_s rejected_connections used_memory_mib
fragmentation_ratio locks_live""".split()
KEY = ["strategy", "variant", "scenario"]
MUST = ["strategy", "scenario"]
ORDER = ["rush", "throughput", "open", "hot", "retry", "mixed", "baseline", "load", "spike", "stress",
         "soak"]


def label_of(strategy, variant):
    return f"{strategy} {variant}" if variant else strategy


def scenario_rank(name):
    for rank, known in enumerate(ORDER):
        if name == known or name.startswith(known + "-"):
            return rank, name
    return len(ORDER), name


class Cell:
    """One strategy under one scenario: its repetitions, their seconds, their files."""

    def __init__(self, results, key, runs):
        self.strategy, self.variant, self.scenario = key
        self.label = label_of(self.strategy, self.variant)
        self.results = results
        self.runs = runs
        valid = runs[runs["valid"] != 0]
        self.used = valid if len(valid) else runs
        self.valid_reps = len(valid)
        self.seconds = results.part(results.seconds, key)
        self.accuracy = results.part(results.accuracy, key)
        self._read = {}

    @property
    def reps(self):
        return len(self.runs)

    @property
    def invalid_reasons(self):
        return sorted(set(filter(None, self.runs[self.runs["valid"] == 0]["invalid_reason"])))

    def value(self, metric):
        """Median over the valid repetitions (over all when none is valid); NaN when unknown."""
        known = self.used[metric].dropna()
        return float(known.median()) if len(known) else math.nan

    def total(self, metric):
        """Sum over the used repetitions; unknown counts as 0."""
        return float(self.used[metric].fillna(0).sum())

    def span(self, metric):
        return float(self.used[metric].min()), float(self.used[metric].max())

    @property
    def accurate(self):
        """True, False, or None when a repetition that ran was not audited whole.  Invalid ones count."""
        if (self.runs["accuracy_ok"] == 0).any():
            return False
        ran = self.runs[self.runs["answered"].notna()]
        return True if len(ran) and ran["accuracy_ok"].notna().all() else None

    def folders(self):
        name = f"{self.strategy}+{self.variant}" if self.variant else self.strategy
        home = self.results.path / "cells" / name / self.scenario
        return [folder for folder in (home / f"rep-{int(rep)}" for rep in self.used["rep"].dropna())
                if folder.is_dir()]

    def _files(self, name, keys, columns, texts):
        """All repetitions' tables of this name as one, read once."""
        if name in self._read:
            return self._read[name]
        found = []
        for folder in self.folders():
            if (folder / name).is_file():
                table = tables.read(folder / name, keys, columns, texts)
                table["rep"] = folder.name
                found.append(table)
        self._read[name] = pandas.concat(found) if found else pandas.DataFrame(columns=[*columns, "rep"])
        return self._read[name]

    def resources(self):
        return self._files("resources.csv", ["second", "process"], RESOURCE_COLUMNS, ["process"])

    def moments(self, column):
        """(table with "rep", "until_s" and the column as it was then, its step in s): the buckets of a
        short run, else its seconds. A count of a bucket is given per second. A repetition that ended
        before the longest keeps its last stock, and nothing happens in it any more."""
        buckets = self._files("buckets.csv", ["ms"], BUCKET_COLUMNS, [])
        if column not in BUCKET_COLUMNS or not len(buckets) or buckets["ms"].max() > SHORT_S * 1000:
            return self.seconds.assign(until_s=self.seconds["second"] + 1), 1.0
        by_rep = buckets.pivot(index="ms", columns="rep", values=column)
        by_rep = by_rep.ffill() if column in LEVELS else by_rep.fillna(0) * (1000 / BUCKET_MS)
        table = by_rep.melt(value_name=column, ignore_index=False).reset_index()
        return table.assign(until_s=table["ms"] / 1000), BUCKET_MS / 1000

    def redis(self):
        return self._files("redis.csv", ["second", "node"], REDIS_COLUMNS, ["node"])

    def latencies(self, name="latency.hgrm"):
        """The distribution over all used repetitions, or None."""
        found = [hgrm.read(f / name) for f in self.folders() if (f / name).is_file()]
        found = [one for one in found if len(one[0])]
        return hgrm.merge(found) if found else None


class Results:
    """What a results folder says."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.warnings = []
        if not (self.path / "runs.csv").is_file():
            raise ReportError(f"{self.path}: no runs.csv in it: not a results folder of "
                              "'flashsale bench run', or a run that did not end")
        self.runs = self._table("runs.csv", MUST + ["rep"], RUN_COLUMNS, RUN_TEXTS)
        for name in NEW_COLUMNS:
            self.runs[name] = pandas.to_numeric(self.runs.get(name), errors="coerce") \
                if name in self.runs else math.nan
        if not len(self.runs):
            raise ReportError(f"{self.path / 'runs.csv'}: no repetition in it")
        self.seconds = self._table("timeseries.csv", MUST + ["rep", "second"], SECOND_COLUMNS,
                                   KEY + ["stage"])
        self.accuracy = self._table("accuracy.csv", MUST + ["rep", "ok"], ACCURACY_COLUMNS,
                                    KEY + ["first_offender"])
        self.thresholds = self._table("thresholds.csv", MUST + ["metric", "status"], THRESHOLD_COLUMNS,
                                      KEY + ["metric", "comparison", "unit", "status", "source"])
        self._doubt_unread()
        self.manifest = self._manifest()
        self.cells = [Cell(self, key, runs) for key, runs in self.runs.groupby(KEY, sort=False)]
        self.labels = sorted({cell.label for cell in self.cells})
        self.scenarios = sorted({cell.scenario for cell in self.cells}, key=scenario_rank)
        self.cells.sort(key=lambda c: (scenario_rank(c.scenario), c.label))
        if not any(cell.folders() for cell in self.cells):
            self.warnings.append("cells/ is missing: no percentile curves, CPU by process or Redis "
                                 "figures")

    def _table(self, name, keys, columns, texts):
        path = self.path / name
        if not path.is_file():
            self.warnings.append(f"{name} is missing: the report goes without it")
            return pandas.DataFrame(columns=columns)
        return tables.read(path, keys, columns, texts, self.warnings)

    def _doubt_unread(self):
        """Where a ledger was not read, accuracy was judged by the answers alone: it is not proven."""
        unknown = self.accuracy["sold_ledger"] < 0
        self.accuracy.loc[unknown, ["sold_ledger", "left", "in_transit"]] = math.nan
        unread = self.accuracy[self.accuracy["sold_ledger"].isna() & (self.accuracy["ok"] == 1)]
        for _, row in unread.iterrows():
            same = (self.runs[KEY] == row[KEY]).all(axis=1) & (self.runs["rep"] == row["rep"])
            self.runs.loc[same & (self.runs["accuracy_ok"] == 1), "accuracy_ok"] = math.nan

    def _manifest(self):
        path = self.path / "manifest.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.warnings.append("manifest.json is missing: machine and versions are not known")
            return {}
        except (ValueError, OSError) as problem:
            raise ReportError(f"{path}: no JSON: {problem}") from None
        parts = [manifest, *(manifest.get(name) or {} for name in ("machine", "versions", "pinning"))] \
            if isinstance(manifest, dict) else [manifest]
        if not all(isinstance(part, dict) for part in parts):
            raise ReportError(f"{path}: it, machine, versions and pinning must be objects")
        version = manifest.get("schema_version", tables.SCHEMA_VERSION)
        if version != tables.SCHEMA_VERSION:
            raise ReportError(f"{path}: schema_version {version}; this program reads "
                              f"{tables.SCHEMA_VERSION}")
        return manifest

    @staticmethod
    def part(table, key):
        if not len(table):
            return table
        mask = (table["strategy"] == key[0]) & (table["variant"] == key[1]) & \
               (table["scenario"] == key[2])
        return table[mask]

    def of_scenario(self, scenario):
        return [cell for cell in self.cells if cell.scenario == scenario]

    def server_cores(self):
        """How many cores the server may use: its pinning, else the machine's; None: not known."""
        pinned = (self.manifest.get("pinning") or {}).get("server")
        if isinstance(pinned, (list, tuple)) and pinned:
            return len(pinned)
        if isinstance(pinned, int) and not isinstance(pinned, bool):
            return 1
        if isinstance(pinned, str) and pinned.strip() not in ("", "any"):
            count = 0
            for part in pinned.split(","):
                first, _, last = part.strip().partition("-")
                if not first.isdigit() or (last and not last.isdigit()):
                    return None
                count += int(last) - int(first) + 1 if last else 1
            return count
        return (self.manifest.get("machine") or {}).get("cores")
