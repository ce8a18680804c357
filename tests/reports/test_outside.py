"""Reports on Locust's CSV files and JMeter's samples."""
import pytest

from helpers import PLAN_PLOTS, Page
from results_report import outside

HISTORY = """Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,95%,99%,Total Request Count,\
Total Failure Count
100,0,,Aggregated,0,0,N/A,N/A,N/A,0,0
101,20,,Aggregated,0,0,1,3,9,50,0
102,20,,Aggregated,20,0,1,3,8,110,1
"""
STATS = """Type,Name,Request Count,Failure Count,Requests/s,50%,95%,99%,Max Response Time
GET,/inventory/[id],30,0,7.5,1,2,3,4
POST,/purchase/[id] sold,70,0,17.5,2,3,9,11
POST,/purchase/[id] http_500,1,1,0.25,2,2,2,2
POST,/purchase/[id] busy,9,0,2.25,2,3,9,11
,Aggregated,110,1,27.5,1,3,9,11
"""


def locust(tmp_path, history=HISTORY, stats=STATS):
    (tmp_path / "run_stats_history.csv").write_text(history)
    (tmp_path / "run_stats.csv").write_text(stats)
    return tmp_path / "run"


def test_locusts_csv_becomes_the_plans_four_plots_and_a_judgement(tmp_path, analyze):
    prefix = locust(tmp_path)
    done = analyze(prefix)
    assert done.returncode == 0, done.stderr
    home = tmp_path / "run-report"
    assert PLAN_PLOTS <= {path.stem for path in (home / "plots").glob("*.svg")}
    whole = (home / "report.md").read_text()
    assert "| accepted purchases (TPS) | 17.5/s | >= 100/s | fail |" in whole
    assert "| error rate | 0.909 % | < 0.100 % | fail |" in whole
    assert "11.2 % of the purchases got 503" in whole
    assert Page((home / "report.html").read_text()).loads == []


def test_locusts_rates_come_from_its_counts_not_from_its_ten_second_means(tmp_path):
    sample = outside.read_locust(locust(tmp_path))
    assert list(sample.seconds["answered"]) == [0, 50, 60]
    assert list(sample.seconds["errors"]) == [0, 0, 1]


def test_a_run_without_an_answer_passes_nothing(tmp_path, analyze):
    done = analyze(locust(tmp_path, "\n".join(HISTORY.splitlines()[:2]) + "\n",
                          STATS.splitlines()[0] + "\n"), "--no-html")
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "run-report/report.md").read_text()
    assert "**INCOMPLETE**: nothing could be judged." in whole and "PASS" not in whole


@pytest.mark.parametrize("history, said", [
    ("", "empty"), ("Timestamp,Name\n1,Aggregated\n", "column User Count, Total Request Count"),
    (HISTORY.splitlines()[0] + "\n", "no row named Aggregated")])
def test_a_broken_history_of_locust_is_named(tmp_path, history, said, analyze):
    done = analyze(locust(tmp_path, history))
    assert done.returncode == 2 and said in done.stderr


def test_jmeters_samples_are_told_apart_by_outcome(tmp_path):
    path = tmp_path / "out.jtl"
    rows = [f"{1000 + n},{n % 7},/purchase/[id],{200 if n < 30 else 400},true,5" for n in range(100)]
    path.write_text("timeStamp,elapsed,label,responseCode,success,allThreads\n" + "\n".join(
        rows + ["1100,9,/purchase/[id],500,false,5", "1100,9,/login,200,true,5"]) + "\n")
    kinds = outside.read_jtl(path).kinds.set_index("name")
    assert dict(kinds["count"]) == {"/purchase/[id] sold": 30, "/purchase/[id] sold_out": 70,
                                    "/purchase/[id] error": 1, "/login": 1}
    assert kinds.loc["/purchase/[id] error", "errors"] == 1


def test_a_jtl_in_xml_or_without_names_says_which_option_is_missing(tmp_path, analyze):
    path = tmp_path / "out.jtl"
    for content, said in (("<?xml", "output_format=csv"), ("1,2,3\n", "print_field_names=true")):
        path.write_text(content)
        done = analyze(path)
        assert done.returncode == 2 and said in done.stderr
