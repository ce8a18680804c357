"""Breaking points, recovery and drift: targets of single scenarios, found in their seconds."""
import math

from . import analysis, text
from .document import Heading, Table, Text


def _of(results, scenario):
    """Its cells, also when it is named like soak-short."""
    return [cell for cell in results.cells if cell.scenario.split("-")[0] == scenario]


def _slowdown(drift):
    if not text.is_number(drift.slowdown):
        return "not measured"
    return "pass" if drift.slowdown < analysis.SLOWDOWN_MAX else "fail"


def _recovery(back):
    if text.is_number(back.seconds):
        return "pass" if back.seconds < analysis.RECOVERY_S_MAX else "fail"
    return "fail" if back.watched_s >= analysis.RECOVERY_S_MAX else "not measured"


def missed(results):
    """Targets that no single figure shows, and that were missed; in words."""
    found = []
    judged = set(results.thresholds["metric"])  # those are among the targets
    for cell in _of(results, "soak") if "slowdown" not in judged else []:
        drift = analysis.drift(cell)
        if drift and _slowdown(drift) == "fail":
            found.append(f"slow-down of {cell.label} in {cell.scenario} "
                         f"({text.percent(drift.slowdown)}, target < "
                         f"{text.percent(analysis.SLOWDOWN_MAX)})")
    for cell in _of(results, "spike") if "recovery_s" not in judged else []:
        back = analysis.recovery(cell)
        if back and _recovery(back) == "fail":
            took = f"{back.seconds:.0f} s" if text.is_number(back.seconds) else "not within the run"
            found.append(f"recovery of {cell.label} in {cell.scenario} ({took}, target < "
                         f"{analysis.RECOVERY_S_MAX} s)")
    return found


def blocks(results):
    """Where the scenario is for that."""
    return _stress(results) + _soak(results) + _spike(results)


def _soak(results):
    cells = _of(results, "soak")
    drifts = [(cell, analysis.drift(cell)) for cell in cells]
    rows = [[c.label, text.number(d.minutes), text.number(d.rss_first_mib), text.number(d.rss_last_mib),
             text.number(d.rss_mib_per_hour), text.number(d.p50_first_ms), text.number(d.p50_last_ms),
             text.percent(d.slowdown), _slowdown(d)] for c, d in drifts if d]
    if rows:
        return [Heading("Soak: drift"), Table(
            ["strategy", ">minutes", ">RSS first tenth MiB", ">RSS last tenth MiB", ">RSS MiB/hour",
             ">P50 first tenth ms", ">P50 last tenth ms", ">slow-down", "under 10 %"], rows)]
    return [Heading("Soak: drift"), Text("Under 20 seconds of samples: too short for a drift.")] \
        if cells else []


def _spike(results):
    found = [(cell, analysis.recovery(cell)) for cell in _of(results, "spike")]
    rows = [[c.label, text.number(r.before_p99_ms), text.number(r.peak_p99_ms),
             f"{r.seconds:.0f}" if text.is_number(r.seconds) else
             f"not within {math.ceil(r.watched_s)} s", _recovery(r)] for c, r in found if r]
    return [Heading("Spike: recovery"), Table(
        ["strategy", ">P99 before ms", ">P99 at the peak ms", ">seconds until back",
         "under 10 s"], rows, "Back: P99 under twice its level before the spike (or within 5 ms "
         "of it), and no errors.")] if rows else []


def _stress(results):
    rows, cells = [], _of(results, "stress")
    for cell in cells:
        steps, broken = analysis.steps(cell), analysis.breaking_point(cell)
        if len(steps) < analysis.STEPS_MIN:
            continue
        best = max(step.answered_per_s for step in steps)
        if broken:
            held = f"{broken.before.users:,.0f}" if broken.before else "none"
            rows.append([cell.label, held, f"{broken.step.users:,.0f}", broken.reason,
                         text.number(best)])
        else:
            top = max(step.users for step in steps)
            rows.append([cell.label, f"{top:,.0f}", "not reached",
                         f"held every step up to {top:,.0f} users", text.number(best)])
    if not rows:
        return [Heading("Stress: breaking point"), Text(
            "Too short to tell its steps apart: run the scenario's full profile.")] if cells else []
    return [Heading("Stress: breaking point"), Table(
        ["strategy", ">users held", ">users at the break", "why", ">most answered/s"], rows,
        "The first step whose P99 or error rate crosses its target, or that answers under 95 % of "
        "what was offered.")]
