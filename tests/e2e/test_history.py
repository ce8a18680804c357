"""The judge itself: planted errors must be seen."""
from history import History, Operation


def operation(history, units, begun, answered, status, code=None, order=None, key=None):
    one = history.add(Operation("1", "user_1", key, units, begun))
    one.answered, one.status, one.code, one.order = answered, status, code, order
    return one


def test_a_refusal_while_enough_was_left_is_wrong():
    history = History()
    operation(history, 1, 0.0, 1.0, 200, order="a")
    refused = operation(history, 2, 2.0, 3.0, 400, "sold_out")
    operation(history, 2, 4.0, 5.0, 200, order="b")
    assert history.wrong_refusals("1", 3) == [(refused, 2)]


def test_a_refusal_beside_sales_under_way_may_be_right():
    history = History()
    operation(history, 2, 0.0, 9.0, 200, order="a")
    operation(history, 2, 2.0, 3.0, 400, "sold_out")
    assert history.wrong_refusals("1", 3) == []


def test_a_purchase_without_an_answer_may_have_taken_units():
    history = History()
    operation(history, 2, 0.0, None, None)
    operation(history, 2, 2.0, 3.0, 400, "sold_out")
    assert history.wrong_refusals("1", 3) == []


def test_one_order_for_two_purchases_is_seen():
    history = History()
    operation(history, 1, 0.0, 1.0, 200, order="a", key="k1")
    operation(history, 1, 0.0, 1.0, 200, order="a", key="k1")
    assert history.duplicate_orders() == {}
    operation(history, 1, 0.0, 1.0, 200, order="a", key="k2")
    assert list(history.duplicate_orders()) == ["a"]
