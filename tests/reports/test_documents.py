"""The figures that README.md quotes are those of the results folders that it names."""
import csv
import pathlib
import re

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
README = (TREE / "README.md").read_text(encoding="utf-8")
FOLDER = re.compile(r"results/\d{8}T\d{6}Z-[A-Za-z0-9_.-]*[A-Za-z0-9_-]")
# The columns of the table behind the strategy's name.
COLUMNS = [("throughput", "tps_sold"), ("throughput", "latency_p99_ms"), ("rush", "latency_p99_ms"),
           ("throughput", "server_cpu_us_per_purchase"), ("throughput", "redis_cpu_us_per_purchase")]


def quoted():
    """{strategy: texts of its cells} of the table, and the folder that is named before it."""
    section = README[README.index("## Measured"):]
    table = section[section.index("\n|"):]
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in table.strip().split("\n\n")[0].splitlines()[2:]]
    return ({re.search(r"v\d", row[0])[0]: row[1:1 + len(COLUMNS)] for row in rows},
            TREE / FOLDER.search(section)[0])


def number_of(cell):
    """(value, half of its last digit); None for "-"."""
    match = re.match(r"[\d,]+(?:\.(\d+))?", cell)
    if not match:
        return None
    return float(match[0].replace(",", "")), 0.5 * 10 ** -len(match[1] or "")


def off(cell, actual):
    """Whether the text is not the figure rounded to its last digit."""
    number = number_of(cell)
    if number is None or actual == "":
        return (number is None) != (actual == "")
    return abs(number[0] - float(actual)) > number[1] + 1e-9


def test_the_table_of_strategies_is_that_of_the_folder_it_names():
    cells, folder = quoted()
    with open(folder / "summary.csv", newline="", encoding="utf-8") as file:
        rows = {(row["strategy"], row["scenario"]): row for row in csv.DictReader(file)
                if not row["variant"]}
    assert set(cells) == {"v1", "v2", "v3", "v4"}
    wrong = [f"{strategy} {metric} of {scenario}: {cell}, measured {actual}"
             for strategy, texts in cells.items() for (scenario, metric), cell in zip(COLUMNS, texts)
             if off(cell, actual := rows[strategy, scenario][f"{metric}_median"])]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("cell, actual, is_off", [
    ("57", "57.503", True), ("58", "57.503", False), ("1.5", "1.463", False), ("8.4", "8.45", False),
    ("97,922", "97922.5", False), ("97,921", "97922.5", True), ("-", "", False), ("-", "1", True),
    ("14.9 on both", "14.86", False)])
def test_a_figure_is_off_when_it_is_not_rounded_to_its_last_digit(cell, actual, is_off):
    assert off(cell, actual) == is_off


def test_every_results_folder_that_a_document_names_is_there():
    named = {(path, name) for path in [*TREE.glob("*.md"), *TREE.glob("docs/**/*.md"),
                                       *TREE.glob("*/README.md"), *TREE.glob("*/*/README.md")]
             for name in FOLDER.findall(path.read_text(encoding="utf-8"))}
    assert named and not [f"{path.relative_to(TREE)}: {name}" for path, name in named
                          if not (TREE / name).exists()]
    listed = (TREE / "results/README.md").read_text(encoding="utf-8")
    assert not [name for name in re.findall(r"`(\d{8}T\d{6}Z-[\w-]+)`", listed)
                if not (TREE / "results" / name).is_dir()]


def test_results_hold_only_what_documents_quote():
    """No raw cells, no pages that the tool makes again, about a megabyte in all."""
    kept = re.compile(r"README\.md|[\w-]+/(manifest\.json|summary\.csv|accuracy\.csv|thresholds\.csv|report\.md|"
                      r"plots/[\w-]+\.(png|svg)|[\w-]+\.(md|csv|svg))")
    files = [path for path in (TREE / "results").rglob("*") if path.is_file()]
    assert not [str(path) for path in files
                if not kept.fullmatch(str(path.relative_to(TREE / "results")))]
    assert sum(path.stat().st_size for path in files) < 1_200_000
    folders = {path.name for path in (TREE / "results").iterdir() if path.is_dir()}
    quoting = "".join(path.read_text(encoding="utf-8") for path in [TREE / "README.md", *TREE.glob("docs/*.md")])
    assert not [name for name in folders if name not in quoting]
