"""What watches over the server speaks of metrics that the server has."""
import json
import pathlib
import re
import shutil
import subprocess

import flashsale
import yaml

DOCKER = flashsale.TREE / "docker"
RULES = DOCKER / "prometheus" / "rules.yml"
DASHBOARD = DOCKER / "grafana" / "dashboards" / "flashsale.json"
METRIC = re.compile(r"\b(?:[a-z]+_[a-z_]+|up|flashsale:[a-z0-9_:]+)\b(?!\s*\()")
IN_PROSE = re.compile(r"`((?:build|flashsale|http|inventory|lock|process|purchase|shard|store)_[a-z_]+)")
NO_METRICS = {"histogram_quantile", "product_id", "label_values", "humanize", "alertname"}


def families(server):
    text = server.admin_ask("GET", "/metrics").body.decode()
    return set(re.findall(r"^# TYPE (\S+)", text, re.M))


def without_labels(expression):
    """The expression without what stands in braces, strings, or after by."""
    expression = re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "", expression)
    expression = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", expression)
    return re.sub(r'"[^"]*"', "", expression)


def metrics_of(expression):
    return {m for m in METRIC.findall(without_labels(expression)) if m not in NO_METRICS}


def known(metric, have, recorded):
    base = re.sub(r"_(bucket|sum|count)$", "", metric)
    return metric in have or base in have or metric in recorded or metric == "up"


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def promtool(*arguments):
    program = shutil.which("promtool")
    assert program, "promtool is missing: apt install prometheus"
    return subprocess.run([program, *arguments], cwd=RULES.parent, capture_output=True, text=True,
                          timeout=60)


def test_every_rule_asks_for_metrics_that_there_are(shared_server):
    have = families(shared_server)
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {metric: rule for rule in rules() for metric in metrics_of(rule["expr"])}
    assert len(asked) > 15, asked
    assert [m for m in asked if not known(m, have, recorded)] == []


def test_every_panel_asks_for_metrics_that_there_are(shared_server):
    have = families(shared_server)
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {metric: panel["title"] for panel in panels() for target in panel["targets"]
             for metric in metrics_of(target["expr"])}
    assert len(asked) > 25, asked
    assert {m: t for m, t in asked.items() if not known(m, have, recorded)} == {}


def test_documents_name_metrics_that_there_are(shared_server):
    have = families(shared_server)
    pages = [page for folder in ("core", "docs", "strategies")
             for page in (flashsale.TREE / folder).glob("**/*.md")] + [flashsale.TREE / "README.md"]
    named = {metric: page for page in pages for metric in IN_PROSE.findall(page.read_text())}
    assert len(named) > 15, named
    assert {m: p for m, p in named.items() if not known(m, have, set())} == {}


def test_every_metric_of_the_plan_is_on_the_dashboard():
    text = DASHBOARD.read_text()
    for metric in ("http_requests_total", "http_request_duration_seconds",
                   "inventory_stock_current", "shard_stock_current", "shard_transfers_total",
                   "store_batch_size",
                   "lock_wait_seconds", "purchase_outcomes_total"):
        assert metric in text, metric


def test_panels_have_units_titles_and_do_not_overlap():
    taken = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                taken[x, y] = panel["title"]
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "prometheus", panel["title"]


def test_every_panel_shows_the_servers_that_are_chosen():
    for panel in panels():
        for target in panel["targets"]:
            asked = [m for m in METRIC.findall(without_labels(target["expr"])) if m not in NO_METRICS]
            chosen = target["expr"].count('instance=~"$instance"')
            assert chosen == len(asked), (panel["title"], target["expr"])


def test_panels_that_some_strategies_leave_empty_say_so():
    whose = ""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] == "row":
            whose = panel["title"]
        elif "(v" in whose:
            assert re.search(r"v[1-4]", panel["description"]), panel["title"]


def test_provisioning_names_the_datasource_and_folder_of_the_dashboard():
    folder = DOCKER / "grafana" / "provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())
    provider = yaml.safe_load((folder / "dashboards" / "flashsale.yml").read_text())
    compose = yaml.safe_load((DOCKER / "docker-compose.yml").read_text())
    mounts = dict(v.split(":")[:2] for v in compose["services"]["grafana"]["volumes"])
    assert source["datasources"][0]["uid"] == "prometheus"
    assert mounts["./grafana/dashboards"] == provider["providers"][0]["options"]["path"]


def test_the_rules_raise_and_are_silent_as_they_should():
    for arguments in (("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml"),
                      ("test", "rules", "rules_test.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_raised_by_the_tests_of_the_rules():
    tested = (RULES.parent / "rules_test.yml").read_text()
    assert [r["alert"] for r in rules() if "alert" in r and r["alert"] not in tested] == []


def test_every_alert_says_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "warn"), rule
            assert rule["annotations"]["summary"] and rule["annotations"]["action"], rule


def test_an_expression_is_read_as_it_should_be():
    assert metrics_of('sum by (le) (rate(lock_wait_seconds_bucket{a=~"b_c"}[1m])) / (up > 0)') == {
        "lock_wait_seconds_bucket", "up"}
    assert not known("no_such_metric", {"lock_wait_seconds"}, set())
