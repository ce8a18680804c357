"""CSV files with known columns, read and checked: a mistake is named with file, line and column."""
import math

import pandas

from . import ReportError

SCHEMA_VERSION = 1


def read(path, keys, columns, texts=(), warnings=None):
    """A DataFrame with every one of columns; those not in texts are numbers, empty ones NaN.

    A missing key column is an error, any other missing column is empty and a warning."""
    try:
        table = pandas.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError:
        raise ReportError(f"{path}: no such file") from None
    except pandas.errors.EmptyDataError:
        raise ReportError(f"{path}: empty, not even a line of column names") from None
    except (pandas.errors.ParserError, UnicodeDecodeError, OSError) as problem:
        raise ReportError(f"{path}: {str(problem).strip()}") from None
    check_version(path, table)
    missing = [name for name in keys if name not in table]
    if missing:
        raise ReportError(f"{path}: column {', '.join(missing)} is missing")
    absent = [name for name in columns if name not in table]
    if absent and warnings is not None:
        warnings.append(f"{path.name}: no column {', '.join(absent)}; reported as unknown")
    for name in absent:
        table[name] = ""
    for name in table.columns:
        if name in columns and name not in texts:
            table[name] = _numbers(path, table, name)
    return table


def check_version(path, table):
    if "schema_version" not in table:
        return
    for line, value in enumerate(table["schema_version"], 2):
        if value.strip() != str(SCHEMA_VERSION):
            raise ReportError(f"{path}:{line}: schema_version {value or '(empty)'}; this program "
                              f"reads {SCHEMA_VERSION}")


def _numbers(path, table, name):
    values = pandas.to_numeric(table[name], errors="coerce")
    values = values.mask(values.abs() == math.inf)
    unknown = table[name][values.isna()]
    wrong = unknown[[text.strip().lower() not in ("", "nan") for text in unknown]]
    if len(wrong):
        raise ReportError(f"{path}:{wrong.index[0] + 2}: {name}: '{wrong.iloc[0]}' is no number")
    return values.astype(float)
