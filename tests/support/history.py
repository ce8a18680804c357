"""What clients saw, and what no true server could have answered.

Every operation keeps when it was begun (before its first byte left) and when it was answered (after
its last byte came).  A sale may have happened at any instant between the two.
"""
import bisect


class Operation:
    __slots__ = ("product", "buyer", "key", "units", "begun", "answered", "status", "code", "order",
                 "body", "replayed")

    def __init__(self, product, buyer, key, units, begun):
        self.product = product
        self.buyer = buyer
        self.key = key
        self.units = units
        self.begun = begun
        self.answered = None
        self.status = None  # None: no answer came
        self.code = None
        self.order = None
        self.body = None
        self.replayed = False

    @property
    def sold(self):
        return self.status == 200


class History:
    def __init__(self):
        self.operations = []

    def add(self, operation):
        self.operations.append(operation)
        return operation

    def of(self, product):
        return [o for o in self.operations if o.product == product]

    def sold(self, product=None):
        return [o for o in self.operations if o.sold and product in (None, o.product)]

    def units_sold(self, product):
        return sum(o.units for o in self.of(product) if o.sold and not o.replayed)

    def counts(self):
        """{(status, code): how many}, for messages."""
        counts = {}
        for o in self.operations:
            counts[(o.status, o.code)] = counts.get((o.status, o.code), 0) + 1
        return counts

    def wrong_refusals(self, product, stock):
        """Refusals of n units that were sold_out though at every instant between begin and answer
        at least n units were certainly left.

        Certainly left at t: the stock less every sale begun until t, answered or not (one without
        an answer may have sold).  Without cancels and restocks that only falls, so its least value
        in the window is at the answer."""
        takers = sorted((o.begun, o.units) for o in self.of(product)
                        if (o.sold and not o.replayed) or o.status is None)
        begun = [b for b, _ in takers]
        taken = [0]
        for _, units in takers:
            taken.append(taken[-1] + units)
        wrong = []
        for o in self.of(product):
            if o.status == 400 and o.code == "sold_out":
                left = stock - taken[bisect.bisect_right(begun, o.answered)]
                if left >= o.units:
                    wrong.append((o, left))
        return wrong

    def duplicate_orders(self):
        """Orders answered for more than one (buyer, product, key)."""
        owners = {}
        for number, o in enumerate(self.sold()):
            attempt = number if o.key is None else o.key
            owners.setdefault(o.order, set()).add((o.buyer, o.product, attempt))
        return {order: who for order, who in owners.items() if len(who) > 1}
