"""Bottlenecks found in measured figures.  A rule looks at one cell and says nothing, or a sentence
with the figures that show it; advice follows from the rule and the strategy.

Each threshold below is a limit at which a resource begins to make others wait, not a target."""
import dataclasses
import math

from . import analysis, text

CONTENTION = 0.30           # the default target for locks
LOCK_WAIT_SHARE = 0.25      # of a purchase's P99
LINE_MIN = 5                # purchases in front of one that waits for its turn at the lock
CORE_BUSY = 85.0            # percent of a core, in the busiest seconds
MACHINE_BUSY = 92.0         # percent of all cores
STRANGERS = 25.0            # percent of a core that other programs take
NODES_UNEVEN = 2.0          # busiest node against the idlest
LAG_SHARE, LAG_MS = 0.25, 1.0
QUEUE_FACTOR, QUEUE_MS = 2.0, 10.0
TURNED_AWAY = 0.01          # of purchase requests
BATCH_SMALL = 1.5
FRAGMENTED, FRAGMENTED_MIB = 1.5, 64.0
SECONDS_MIN = 5             # sampled, of all repetitions: the CPU of fewer is mostly rounding


@dataclasses.dataclass
class Rule:
    kind: str
    title: str
    chart: str                  # whose picture shows it; empty: the table does
    look: object                # (cell, samples) -> (weight, short figure, sentence) or None
    advice: object              # (cell) -> sentence


@dataclasses.dataclass
class Finding:
    kind: str
    title: str
    chart: str
    cell: object
    sentence: str
    also: list                  # of "v2 in hot (44 %)"
    advice: str


class Samples:
    """What was sampled while a cell ran, read once for all rules."""

    def __init__(self, cell):
        self.resources = cell.resources()
        self.redis = cell.redis()

    def busy(self, process):
        """(busiest seconds, mean) in percent of a core; NaN when not sampled often enough."""
        seconds = self.resources[self.resources["process"] == process]["cpu_percent"].dropna()
        if len(seconds) < SECONDS_MIN:
            return math.nan, math.nan
        return analysis.busy_share(seconds), float(seconds.mean())

    def nodes(self):
        names = self.resources["process"].dropna().unique()
        return sorted(name for name in names if name.startswith("redis-"))

    def grown(self, column):
        """What a counter of Redis grew by, all nodes and repetitions together."""
        table = self.redis.dropna(subset=[column])
        if not len(table):
            return 0.0
        grouped = table.groupby(["rep", "node"])[column]
        return float((grouped.max() - grouped.min()).sum())


def _of(cell):
    return f"{cell.label} in {cell.scenario}"


def _ms(value):
    return f"{text.number(value)} ms"


def _share(value):
    return f"{value * 100:.0f} %"


def _signed(change):
    return f"{change * 100:+.0f} %"


def _cpu_words(busiest, mean):
    return f"{busiest:.0f} % of a core in its busiest seconds (mean {mean:.0f} %)"


def lock_contention(cell, _samples):
    share = cell.value("lock_contention")
    if not share >= CONTENTION:
        return None
    attempts = cell.value("lock_attempts")
    return share, _share(share), (
        f"{_of(cell)}: {_share(share)} of {text.number(attempts)} attempts at the lock waited or were "
        f"refused (target under {_share(CONTENTION)}).")


def lock_wait(cell, _samples):
    wait, p99 = cell.value("lock_wait_p99_ms"), cell.value("latency_p99_ms")
    if not (wait >= LAG_MS and p99 > 0 and wait >= p99 * LOCK_WAIT_SHARE):
        return None
    return wait / p99, _ms(wait), (
        f"{_of(cell)}: one purchase in a hundred waits {_ms(wait)} or more for the lock, of a P99 "
        f"of {_ms(p99)} in all.")


def lock_line(cell, samples):
    """Under a lock that is held over trips to the store purchases go one at a time: Little's law says
    how many stand in line.  Where a core is full that is the reason, and not the lock."""
    rate, p50 = cell.value("tps_sold"), cell.value("latency_p50_ms")
    trips, attempts = cell.value("store_commands_per_purchase"), cell.value("lock_attempts")
    if not (trips >= 1 and attempts > 0 and rate > 0 and p50 >= LAG_MS):
        return None
    turn_ms = 1e3 / rate
    busiest = [samples.busy(process)[0] for process in ["server", *samples.nodes()]]
    if p50 / turn_ms < LINE_MIN or any(busy >= CORE_BUSY for busy in busiest):
        return None
    return p50 / turn_ms, f"{p50 / turn_ms:.0f} in line", (
        f"{_of(cell)}: purchases take turns at the lock, {text.number(rate)} a second, while no core is "
        f"full; the median of {_ms(p50)} is that of about {p50 / turn_ms:.0f} turns.")


def redis_cpu(cell, samples):
    found = [(samples.busy(node), node) for node in samples.nodes()]
    found = [one for one in found if one[0][0] >= CORE_BUSY]
    if not found:
        return None
    (busiest, mean), node = max(found)
    cost = cell.value("redis_cpu_us_per_purchase")
    more = f", {text.number(cost)} us of Redis a purchase" if text.is_number(cost) else ""
    return busiest / 100, f"{busiest:.0f} %", (
        f"{_of(cell)}: {node} used {_cpu_words(busiest, mean)}{more}. Redis decides on one thread, "
        "so this is its limit.")


def redis_uneven(cell, samples):
    means = {node: samples.busy(node)[1] for node in samples.nodes()}
    means = {node: mean for node, mean in means.items() if text.is_number(mean)}
    if len(means) < 2 or max(means.values()) < 20:
        return None
    high, low = max(means, key=means.get), min(means, key=means.get)
    if means[high] < means[low] * NODES_UNEVEN:
        return None
    return means[high] / max(means[low], 1), f"{means[high]:.0f} % and {means[low]:.0f} %", (
        f"{_of(cell)}: {high} works at {means[high]:.0f} % of a core while {low} works at "
        f"{means[low]:.0f} %.")


def server_cpu(cell, samples):
    busiest, mean = samples.busy("server")
    cores = cell.results.server_cores()
    if not cores or not busiest >= CORE_BUSY * cores:
        return None
    room = "its one core" if cores == 1 else f"its {cores} cores"
    cost = cell.value("server_cpu_us_per_purchase")
    more = f"; a purchase costs it {text.number(cost)} us" if text.is_number(cost) else ""
    return busiest / 100 / cores, f"{busiest / cores:.0f} %", (
        f"{_of(cell)}: the server used {busiest / cores:.0f} % of {room} in its busiest seconds "
        f"(mean {mean / cores:.0f} %){more}.")


def _machine_shares(cell, samples):
    """[(process, mean percent of a core)], the last one for programs that are no part of the run."""
    shares = [(name, samples.busy(name)[1]) for name in ["server", *samples.nodes(), "generator"]]
    shares = [(name, share) for name, share in shares if text.is_number(share)]
    others = samples.busy("system")[1] - sum(share for _, share in shares)
    return [*shares, ("programs that are no part of this run", others)]


def machine_full(cell, samples):
    cores = (cell.results.manifest.get("machine") or {}).get("cores")
    # A short second's ticks are rounded: more than all cores there cannot be.
    busiest, mean = (min(value, 100 * cores) if cores else math.nan for value in samples.busy("system"))
    if not cores or not busiest >= MACHINE_BUSY * cores:
        return None
    shares = _machine_shares(cell, samples)
    parts = text.listing(f"{name} {share:.0f} %" for name, share in shares
                         if share >= STRANGERS or name != shares[-1][0])
    return busiest / cores, f"{busiest / cores:.0f} %", (
        f"{_of(cell)}: the machine's {cores} cores were {busiest / cores:.0f} % busy in the busiest "
        f"seconds (mean {mean / cores:.0f} %), so its processes wait for each other: {parts} of a core.")


def loop_lag(cell, _samples):
    lag, p99 = cell.value("loop_lag_p99_ms"), cell.value("latency_p99_ms")
    if not (lag >= LAG_MS and p99 > 0 and lag >= p99 * LAG_SHARE):
        return None
    return lag / p99, _ms(lag), (
        f"{_of(cell)}: the event loop ran {_ms(lag)} late at P99, of a response time P99 of "
        f"{_ms(p99)}.")


def connections_refused(cell, _samples):
    count, answered = cell.total("transport"), cell.total("answered")
    if count <= 0:
        return None
    share = count / max(answered + count, 1)
    return share, f"{count:,.0f}", (
        f"{_of(cell)}: {count:,.0f} requests ({text.percent(share)}) ended in a refused, reset or "
        "broken connection.")


def redis_rejected(cell, samples):
    count = samples.grown("rejected_connections")
    if count <= 0:
        return None
    return count, f"{count:,.0f}", (
        f"{_of(cell)}: Redis rejected {text.plural(int(count), 'connection')} (maxclients).")


def generator(cell, samples):
    busy = cell.value("generator_busy")
    if not text.is_number(busy):
        busy = samples.busy("generator")[0] / 100
    if not busy >= 0.90:
        return None
    return busy, _share(busy), (
        f"{_of(cell)}: the generator's busiest thread was at {_share(busy)} of its core: the server may "
        "be able to do more than was measured, and times include the generator's own waiting.")


def queueing(cell, _samples):
    latency, service = cell.value("latency_p99_ms"), cell.value("service_p99_ms")
    if not (service > 0 and latency >= service * QUEUE_FACTOR and latency - service >= QUEUE_MS):
        return None
    return latency / service, f"{_ms(latency)} and {_ms(service)}", (
        f"{_of(cell)}: P99 is {_ms(latency)} from the intended start but {_ms(service)} from the "
        "moment of sending: requests queue before they are sent, since earlier ones are slow.")


def turned_away(cell, _samples):
    count = cell.total("busy") + cell.total("unavailable")
    share = count / max(cell.total("answered"), 1)
    if share < TURNED_AWAY:
        return None
    return share, _share(share), (
        f"{_of(cell)}: {text.percent(share)} of the answers were 'busy' or 'unavailable' (503): "
        "nothing was taken, and the buyer has to ask again.")


def unbatched(cell, samples):
    batch = cell.value("store_batch_mean")
    busiest = max([samples.busy(node)[0] for node in samples.nodes()], default=math.nan)
    if not (0 < batch < BATCH_SMALL and busiest >= CORE_BUSY):
        return None
    return 1 / batch, f"{batch:.2f}", (
        f"{_of(cell)}: a store command carried {batch:.2f} purchases on average while Redis used "
        f"{busiest:.0f} % of a core.")


def fragmentation(cell, samples):
    table = samples.redis.dropna(subset=["fragmentation_ratio", "used_memory_mib"])
    table = table[table["used_memory_mib"] >= FRAGMENTED_MIB]
    ratio = float(table["fragmentation_ratio"].median()) if len(table) else math.nan
    if not ratio >= FRAGMENTED:
        return None
    return ratio, f"{ratio:.2f}", (
        f"{_of(cell)}: Redis holds {ratio:.2f} times the memory that it uses "
        f"({text.number(float(table['used_memory_mib'].max()))} MiB used).")


def _per_order(cell, drift):
    """What the growth is by order, since orders are kept: a tenth of the run lies outside of it."""
    orders = cell.seconds["sold"].sum() / max(cell.reps, 1) * 0.9
    if not orders > 0:
        return ""
    each = (drift.rss_last_mib - drift.rss_first_mib) * 1024 * 1024 / orders
    return f", {text.number(each)} bytes for each order sold meanwhile"


def memory_drift(cell, _samples):
    drift = analysis.drift(cell) if cell.scenario.split("-")[0] == "soak" else None
    if drift is None or not drift.rss_change > 0.05 or drift.rss_last_mib - drift.rss_first_mib < 2:
        return None
    return drift.rss_change, _signed(drift.rss_change), (
        f"{_of(cell)}: the server's memory went from {text.number(drift.rss_first_mib)} MiB in the "
        f"first tenth to {text.number(drift.rss_last_mib)} MiB in the last, "
        f"{text.number(drift.rss_mib_per_hour)} MiB an hour{_per_order(cell, drift)}.")


def slow_down(cell, _samples):
    drift = analysis.drift(cell) if cell.scenario.split("-")[0] == "soak" else None
    if drift is None or not drift.slowdown > analysis.SLOWDOWN_MAX:
        return None
    return drift.slowdown, _signed(drift.slowdown), (
        f"{_of(cell)}: the median response time went from {_ms(drift.p50_first_ms)} in the first "
        f"tenth to {_ms(drift.p50_last_ms)} in the last, {_signed(drift.slowdown)}.")


def lock_advice(cell):
    if cell.strategy == "v2":
        return ("Use v3 (one script decides) or v4; a lock in Redis costs round trips that all "
                "others wait for. To stay with a lock, sell fewer buyers per product at once.")
    return ("The time under the lock is what counts: keep the journal on a faster disk, or spread "
            "the sale over products; over processes, use v3 or v4.")


def redis_advice(cell):
    if cell.strategy == "v4":
        return "Add Redis servers (`--redis` once more each): v4 spreads the stock over them."
    if cell.strategy == "v3":
        return ("Use v4 with two or more Redis servers, or let more purchases share a script: a "
                "larger `strategy_options.batch_max`, fewer `batches`.")
    return "Use v3, whose one script serves a batch of purchases, or v4 with several Redis servers."


def machine_advice(cell):
    if _machine_shares(cell, Samples(cell))[-1][1] >= STRANGERS:
        return "Stop the other programs on this machine, and measure again."
    return ("Run the generator, and Redis, on another machine, or on more cores (`--cores`): here they "
            "take what the server could use, and strategies with Redis pay for it against v1.")


def server_advice(_cell):
    return ("Give it more cores: raise `workers` (and the pinning of this run), or start a second "
            "process where the strategy shares its store (v2 to v4).")


def say(sentence):
    return lambda _cell: sentence


RULES = [
    Rule("lock-contention", "Lock contention", "", lock_contention, lock_advice),
    Rule("lock-wait", "Waiting for the lock", "percentiles", lock_wait, lock_advice),
    Rule("lock-line", "Purchases in line for the lock", "percentiles", lock_line, lock_advice),
    Rule("redis-cpu", "Redis near a whole core", "cpu", redis_cpu, redis_advice),
    Rule("redis-uneven", "Redis servers unevenly loaded", "cpu", redis_uneven,
         say("Spread what is hot: more shards a server (`strategy_options.shards`), so that one "
             "product's buyers do not meet on one of them.")),
    Rule("unbatched", "Store commands that carry one purchase", "cpu", unbatched,
         say("Raise `strategy_options.batch_max`: a batch costs Redis little more than one.")),
    Rule("server-cpu", "Server near all of its CPU", "cpu", server_cpu, server_advice),
    Rule("machine-full", "All cores of the machine busy", "cpu", machine_full, machine_advice),
    Rule("loop-lag", "Event loop late", "percentiles", loop_lag,
         say("Look for what keeps the loop: too many purchases a turn or another process on its core. "
             "More `workers` shorten the turn; pin them apart from Redis and from the generator.")),
    Rule("refused", "Connections refused or broken", "error_rate", connections_refused,
         say("Check `http.backlog` against net.core.somaxconn, `http.connections_max`, and the limit "
             "of open files of server and generator; the server's log names what it closed.")),
    Rule("redis-rejected", "Connections rejected by Redis", "", redis_rejected,
         say("Raise maxclients in Redis, and its limit of open files.")),
    Rule("turned-away", "Buyers turned away as busy", "outcomes", turned_away,
         say("The queue in front of the store is at its limit: the bottleneck above is the cause; "
             "`purchase.in_flight_max` and `purchase.deadline` only choose between waiting and 503.")),
    Rule("queueing", "Requests wait for earlier ones", "offered_answered", queueing,
         say("More is offered than is answered: compare the offered rate with the answered one, and "
             "judge this strategy at a rate below its limit.")),
    Rule("fragmentation", "Redis memory fragmented", "", fragmentation,
         say("Set `activedefrag yes` in Redis, or restart it between sales.")),
    Rule("memory-drift", "Memory grows", "soak", memory_drift,
         say("Orders are kept, so some bytes for each are due (v1 keeps all in memory, by "
             "`strategy_options.orders_max`). More than that is a leak: run the soak under the address "
             "sanitizer.")),
    Rule("slow-down", "Slower with time", "soak", slow_down,
         say("Find what grows with the number of orders: the P50 of the first against the last tenth "
             "of each store command's duration in the metrics.")),
    Rule("generator", "The generator is the limit", "cpu", generator,
         say("Give the generator a core of its own or more threads, or another machine; until then "
             "read these rates as lower bounds.")),
]


def find(results):
    """What was found, one Finding a rule: its worst cell in words, the others named."""
    samples = {id(cell): Samples(cell) for cell in results.cells}
    found = []
    for rule in RULES:
        seen = [(rule.look(cell, samples[id(cell)]), cell) for cell in results.cells]
        seen = sorted(((hit, cell) for hit, cell in seen if hit), key=lambda pair: -pair[0][0])
        if seen:
            (_, _, sentence), worst = seen[0]
            also = [f"{_of(cell)} ({short})" for (_, short, _), cell in seen[1:]]
            found.append(Finding(rule.kind, rule.title, rule.chart, worst, sentence, also,
                                 rule.advice(worst)))
    return found


def nearest(results):
    """When nothing was found: the busiest process, in words; empty when nothing was sampled."""
    known = []
    for cell in results.cells:
        samples = Samples(cell)
        cores = cell.results.server_cores() or 1
        for process in ["server", *samples.nodes()]:
            busy = samples.busy(process)[0] / (cores if process == "server" else 1)
            if text.is_number(busy):
                known.append((busy, process, cell))
    if not known:
        return ""
    busy, process, cell = max(known, key=lambda one: one[0])
    return f"The busiest process was {process} of {_of(cell)} at {busy:.0f} % of its CPU."
