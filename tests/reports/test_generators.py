"""scripts/compare_generators.py: when two generators disagree, and when a full core explains it."""
import types

import compare_generators

OPTIONS = types.SimpleNamespace(subject="null", connections=64, reps=1, seconds=3)


def told(**others):
    """The report on flashsale's 130,000/s at 6.5 us beside others' (rate, CPU us per answer)."""
    rates = {"flashsale": (130000, 6.5), "wrk": (131000, 7.0), "h2load": (128000, 7.5), **others}
    rows = [{"generator": name, "answers_per_second": rate, "latency_p50_us": 400.0,
             "generator_cpu_us_per_answer": own, "server_cpu_us_per_answer": 7.2}
            for name, (rate, own) in rates.items()]
    return compare_generators.report(rows, OPTIONS)


def test_generators_that_agree_within_a_tenth_are_said_to():
    text, agrees = told()
    assert agrees and "0.8% from wrk and 1.6% from h2load: within 10%." in text
    assert "| flashsale | 130000 | 0.99 | 400 | 6.50 | 84% | 7.20 | 0.90 |" in text


def test_one_whose_own_core_is_full_explains_that_it_sends_less():
    text, agrees = told(h2load=(115000, 8.2))
    assert agrees and "h2load's own core was 94% busy (flashsale's 84%)" in text


def test_one_that_sends_more_or_has_time_to_spare_disagrees():
    for rate, own in ((160000, 6.2), (100000, 7.0)):
        text, agrees = told(wrk=(rate, own))
        assert not agrees and "more than 10%." in text and "explained" not in text
