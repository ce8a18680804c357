"""What the scripts of the ledger are to do, in plain Python: one sale, one op at a time."""

DONE, SOLD_OUT, LIMIT, TOO_MANY, UNKNOWN, KEY_REUSED, NOT_CANCELLABLE = 1, 2, 3, 4, 6, 8, 10
EXISTS = 7
REPLAYED, STATE, FROZEN, LATE = 100, 200, 300, 301
OPEN, PAUSED, CLOSED, NOT_OPEN = 1, 2, 3, 4

LETTERS = {"D": DONE, "R": DONE + REPLAYED, "S": SOLD_OUT, "L": LIMIT, "M": TOO_MANY, "U": UNKNOWN,
           "K": KEY_REUSED, "N": NOT_CANCELLABLE, "F": FROZEN, "T": LATE,
           **{str(state): STATE + state for state in (OPEN, PAUSED, CLOSED, NOT_OPEN)}}


def decisions(answer, ops):
    """(code, left, seq, record or "") for each op, from the answer of decide.lua; see there."""
    _, _, seq, left, letters, *records = answer
    assert len(letters) == len(ops)
    told = []
    for letter, (_, _, units) in zip(letters, ops):
        code, record = LETTERS[letter.upper()], records.pop(0) if letter.islower() else ""
        assert letter.islower() or letter not in "RN"
        if code == DONE:
            seq += 1
            left += -units if units else int(record.split("|")[1])
        at, of_left = seq, left
        if code in (DONE + REPLAYED, NOT_CANCELLABLE):
            status, _, _, of_seq, record_left = record.split("|")[:5]
            at = int(status[1:] or of_seq) if not units else int(of_seq)
            of_left = int(record_left) if units else left
        told.append((code, of_left, at, record))
    assert not records
    return told


class Order:
    def __init__(self, buyer, units, epoch, seq, left):
        self.buyer, self.units, self.epoch, self.seq, self.left = buyer, units, epoch, seq, left
        self.cancel_seq = 0

    def check(self, record):
        """That record, as the store has it, is this order."""
        status, units, epoch, seq, left, sold_ms, cancelled_ms, buyer = record.split("|", 7)
        assert status == (f"C{self.cancel_seq}" if self.cancel_seq else "S"), record
        assert (int(units), int(epoch), int(seq), int(left)) == \
            (self.units, self.epoch, self.seq, self.left), record
        assert buyer == self.buyer and int(sold_ms) > 0, record
        assert (int(cancelled_ms) > 0) == (self.cancel_seq > 0), record


class Sale:
    def __init__(self, product, claims):
        self.product, self.claims = product, claims
        self.epoch = self.seq = self.initial = self.restocked = self.left = self.sold = 0
        self.state, self.window = OPEN, None
        self.per_buyer = self.per_order = 0
        self.frozen = False
        self.orders, self.had, self.changes = {}, {}, {}
        self.log_entries = 0

    # Every answer is (code, left, seq).

    def purchase(self, order, buyer, units):
        made = self.orders.get(order)
        if made:
            if (made.buyer, made.units) != (buyer, units):
                return KEY_REUSED, self.left, self.seq
            return DONE + REPLAYED, made.left, made.seq
        if self.claims.get(order, self.product) != self.product:
            return KEY_REUSED, self.left, self.seq
        state = self.window if self.state == OPEN and self.window else self.state
        if state != OPEN:
            return STATE + state, self.left, self.seq
        if self.per_order and units > self.per_order:
            return TOO_MANY, self.left, self.seq
        if self.per_buyer and self.had.get(buyer, 0) + units > self.per_buyer:
            return LIMIT, self.left, self.seq
        if units > self.left:
            return SOLD_OUT, self.left, self.seq
        self.seq += 1
        self.left -= units
        self.sold += units
        self.had[buyer] = self.had.get(buyer, 0) + units
        self.orders[order] = Order(buyer, units, self.epoch, self.seq, self.left)
        self.claims[order] = self.product
        return DONE, self.left, self.seq

    def cancel(self, order, buyer):
        made = self.orders.get(order)
        if not made or made.buyer != buyer:
            return UNKNOWN, self.left, self.seq
        if made.cancel_seq:
            return DONE + REPLAYED, self.left, made.cancel_seq
        if made.epoch != self.epoch:
            return NOT_CANCELLABLE, self.left, made.seq
        self.seq += 1
        self.left += made.units
        self.sold -= made.units
        self.had[buyer] -= made.units
        made.cancel_seq = self.seq
        return DONE, self.left, self.seq

    def batch(self, ops):
        """ops: (order, buyer, units); units 0: cancel."""
        if self.frozen:
            return [(FROZEN, -1, 0)] * len(ops)
        before = self.seq
        answers = [self.purchase(*op) if op[2] else self.cancel(*op[:2]) for op in ops]
        self.log_entries += self.seq > before
        return answers

    def change(self, kind, name, units, **terms):
        asked = (kind, units, tuple(sorted(terms.items())))
        if name:
            if name in self.changes:
                return DONE + REPLAYED if self.changes[name] == asked else KEY_REUSED
            if self.claims.get("#" + name, self.product) != self.product:
                return KEY_REUSED
        if kind == "update" and not self.epoch:
            return UNKNOWN
        if kind == "create" and self.epoch:
            return EXISTS
        if kind == "update":
            self.restocked += units
            self.left += units
        else:
            self.epoch += 1
            self.initial = self.left = units
            self.restocked = self.sold = 0
            self.had, self.frozen = {}, False
        for field, value in terms.items():
            setattr(self, field, value)
        self.seq += 1
        self.log_entries += 1
        if name:
            self.changes[name] = asked
            self.claims["#" + name] = self.product
        return DONE
