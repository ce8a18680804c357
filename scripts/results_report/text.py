"""Figures as people read them: units, significant digits, names of metrics."""
import math

NONE = "–"
PERCENT = {"error_rate", "lock_contention", "generator_busy", "slowdown"}
NAMES = {
    "tps_sold": "accepted purchases (TPS)",
    "answered_per_s": "answers",
    "offered_per_s": "offered requests",
    "latency_p50_ms": "response time P50",
    "latency_p95_ms": "response time P95",
    "latency_p99_ms": "response time P99",
    "latency_p999_ms": "response time P99.9",
    "latency_max_ms": "response time, longest",
    "service_p99_ms": "service time P99",
    "error_rate": "error rate",
    "lock_contention": "lock contention",
    "lock_wait_p99_ms": "lock wait P99",
    "accuracy_ok": "accuracy",
    "sell_out_ms": "time to sell out",
    "server_cpu_us_per_purchase": "server CPU per purchase",
    "redis_cpu_us_per_purchase": "Redis CPU per purchase",
    "store_commands_per_purchase": "store commands per purchase",
    "server_rss_mib_max": "server memory, most",
    "loop_lag_p99_ms": "event loop lag P99",
    "left": "units left of a sale that sells out",
    "slowdown": "slow-down of the median, last tenth",
    "recovery_s": "recovery after the spike",
}


def is_number(value):
    return value is not None and isinstance(value, (int, float)) and math.isfinite(value)


def number(value):
    """Three significant digits, thousands apart: 12,346  0.0312  7."""
    if not is_number(value):
        return NONE
    value = float(value)
    if value == 0:
        return "0"
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}" if digits <= 6 else f"{value:.2e}"


def percent(share):
    """0.0123 as 1.23 %."""
    return f"{number(share * 100)} %" if is_number(share) else NONE


def unit_of(metric):
    """The unit that a column's name ends in, as written behind a figure."""
    if metric in PERCENT:
        return "%"
    if metric == "tps_sold" or metric.endswith("_per_s"):
        return "/s"
    for end, unit in (("_ms", "ms"), ("_us_per_purchase", "us"), ("_us_per_request", "us"),
                      ("_s", "s")):
        if metric.endswith(end):
            return unit
    return "MiB" if "_mib" in metric else ""


def figure(metric, value):
    """A metric's value with its unit."""
    if metric in PERCENT:
        return percent(value)
    text = number(value)
    unit = unit_of(metric)
    if text == NONE or not unit:
        return text
    return text + unit if unit == "/s" else f"{text} {unit}"


def name_of(metric):
    return NAMES.get(metric, metric.replace("_", " "))


def plural(count, one, many=None):
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listing(words, most=6):
    """a, b and c; of a long list the first and how many more."""
    words = list(words)
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def inside(title):
    """A title within a sentence: its first letter small, but Redis stays Redis."""
    return title if title.startswith("Redis") else title[:1].lower() + title[1:]
