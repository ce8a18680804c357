"""What analyze_results.py and bench_compare.py are made of: reading, judging, drawing, writing."""


class ReportError(Exception):
    """Something in the input that a person must mend; its text is one line with the place."""
