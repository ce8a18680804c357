"""Latency distributions as HdrHistogram writes them (.hgrm): value in ms, percentile, count."""
import numpy

from . import ReportError


def read(path):
    """(values in ms, how many requests took just so long), both ascending by value."""
    values, totals = [], []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words or words[0].startswith("#") or words[0] == "Value":
                continue
            try:
                values.append(float(words[0]))
                totals.append(int(words[2]))
            except (ValueError, IndexError):
                raise ReportError(f"{path}:{number}: not a line of a .hgrm file: "
                                  f"'{line.strip()}'") from None
    counts = numpy.diff(numpy.array(totals, dtype=float), prepend=0)
    return numpy.array(values), numpy.maximum(counts, 0)


def merge(distributions):
    """One distribution of all requests in several; merged by counts, never averaged."""
    values = numpy.concatenate([values for values, _ in distributions])
    counts = numpy.concatenate([counts for _, counts in distributions])
    order = numpy.argsort(values, kind="stable")
    return values[order], counts[order]


def curve(distribution):
    """(share of requests at or below, value in ms): points of the percentile curve."""
    values, counts = distribution
    total = counts.sum()
    if total <= 0:
        return numpy.array([]), numpy.array([])
    return numpy.cumsum(counts) / total, values
