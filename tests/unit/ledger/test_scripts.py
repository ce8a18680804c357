"""The Lua scripts of the ledger on a real Redis, against a model of one sale in Python."""

import itertools
import os
import random
import re
import time

import pytest

import model as m
from redis import Redis, RedisError, script

DECIDE = script("ledger/decide.lua")
CHANGE = script("ledger/sale.lua", "ledger/change.lua")
SHOW = script("ledger/sale.lua", "ledger/show.lua")
AUDIT = script("ledger/sale.lua", "ledger/audit.lua")
FREEZE = script("ledger/freeze.lua")
NAME = script("ledger/name.lua")
ACQUIRE = script("v2_lock/acquire.lua")
RELEASE = script("v2_lock/release.lua")
WRITE = script("v2_lock/fence.lua", "v2_lock/guard.lua", "ledger/decide.lua")

UNITS_MAX = 10 ** 13
SEED = int(os.environ.get("FS_SEED") or random.SystemRandom().getrandbits(32))
print(f"FS_SEED={SEED}")


@pytest.fixture(scope="module")
def server():
    with Redis() as redis:
        yield redis


@pytest.fixture
def redis(server):
    server.ask("FLUSHALL")
    return server


class Shop:
    """One product: asks the scripts and the model, and compares."""

    def __init__(self, redis, product="shoe", claims=None):
        self.redis, self.product = redis, product
        base = "fs:{%s}:" % product
        self.sale, self.orders, self.buyers, self.log, self.changes = (
            base + name for name in ("sale", "orders", "buyers", "log", "changes"))
        self.lock = "lock:{%s}" % product
        self.model = m.Sale(product, {} if claims is None else claims)
        self.seen = (0, 0, "")

    def decide(self, ops, mode="run", deadline=0, source=DECIDE, owner="", lock=()):
        flat = [word for op in ops for word in op]
        answer = self.redis.run(
            source, [self.sale, self.orders, self.buyers, self.log, "fs:claims", *lock],
            *self.seen, self.product, 0, mode, deadline, owner, *flat)
        if len(answer) == 1:
            return answer
        return m.decisions(answer, ops)

    def batch(self, ops):
        """Runs the ops as one script; the answers are the model's, and so is what is stored."""
        answers = self.decide(ops)
        expected = self.model.batch(ops)
        for op, answer, wanted in zip(ops, answers, expected):
            assert answer[:3] == wanted, (op, answer, wanted)
            code = wanted[0]
            if code in (m.DONE + m.REPLAYED, m.NOT_CANCELLABLE) or (code == m.DONE and not op[2]):
                record = answer[3].split("|")
                assert int(record[1]) == self.model.orders[op[0]].units
            else:
                assert answer[3] == ""
            if code == m.DONE and op[2]:
                self.seen = (self.model.epoch, wanted[2], op[0])
        return [answer[0] for answer in answers]

    def change(self, kind, units=0, name="", **terms):
        fields = {"per_buyer": -1, "per_order": -1, "state": -1, "opens": -1, "closes": -1, **terms}
        known = {k: v for k, v in terms.items() if k not in ("opens", "closes")}
        if "opens" in terms or "closes" in terms:
            now = int(self.redis.ask("TIME")[0]) * 1000
            known["window"] = (m.NOT_OPEN if terms.get("opens", 0) > now else
                               m.CLOSED if 0 < terms.get("closes", 0) <= now else None)
        code = self.redis.run(
            CHANGE, [self.sale, self.buyers, self.log, self.changes, "fs:claims"], kind, name,
            -1 if kind == "update" else units, units if kind == "update" else 0,
            fields["per_buyer"], fields["per_order"], fields["opens"], fields["closes"],
            fields["state"], 0, self.product, 0, UNITS_MAX)[0]
        assert code == self.model.change(kind, name, units, **known)
        return code

    def check(self):
        """What is stored is what the model has."""
        sale, stored = self.model, self.redis.hash(self.sale)
        for field in ("epoch", "seq", "initial", "restocked", "left", "sold", "per_buyer",
                      "per_order", "state"):
            assert int(stored[field]) == getattr(sale, field), field
        assert sale.initial + sale.restocked == sale.left + sale.sold
        orders = self.redis.hash(self.orders)
        assert set(orders) == set(sale.orders)
        for name, order in sale.orders.items():
            order.check(orders[name])
        had = {buyer: int(units) for buyer, units in self.redis.hash(self.buyers).items()}
        assert had == sale.had
        assert self.redis.hash("fs:claims") == sale.claims
        assert self.redis.ask("XLEN", self.log) == sale.log_entries
        audit = self.redis.run(AUDIT, [self.sale, self.orders, self.buyers], 10 ** 6)
        units_sold, sold, cancelled, difference = audit[-4:]
        of_epoch = [o for o in sale.orders.values() if o.epoch == sale.epoch]
        assert units_sold == sale.sold
        assert sold == sum(not o.cancel_seq for o in of_epoch)
        assert cancelled == sum(o.cancel_seq > 0 for o in of_epoch)
        assert difference == 0


def test_every_batch_of_three_quantities_on_every_small_stock_is_decided_as_by_the_model(redis):
    for stock in range(6):
        for number, quantities in enumerate(itertools.product(range(1, 4), repeat=3)):
            redis.ask("FLUSHALL")
            shop = Shop(redis)
            shop.change("create", stock)
            shop.batch([(f"o{i}", f"b{i}", q) for i, q in enumerate(quantities)])
            if number % 9 == 0:
                shop.check()


@pytest.mark.parametrize("size", [1, 2, 64, 256, 1024])
def test_a_batch_that_straddles_the_last_unit_sells_exactly_what_is_left(redis, size):
    shop = Shop(redis)
    shop.change("create", size // 2)
    codes = shop.batch([(f"o{i}", f"b{i}", 1) for i in range(size)])
    assert codes == [m.DONE] * (size // 2) + [m.SOLD_OUT] * (size - size // 2)
    shop.check()


def test_the_same_order_twice_in_a_batch_is_one_sale(redis):
    shop = Shop(redis)
    shop.change("create", 10)
    ops = [("o1", "ann", 2), ("o1", "ann", 2), ("o1", "bob", 2), ("o1", "ann", 3), ("o1", "ann", 0),
           ("o1", "ann", 0), ("o1", "ann", 2)]
    assert shop.batch(ops) == [1, 101, m.KEY_REUSED, m.KEY_REUSED, 1, 101, 101]
    assert shop.batch(ops) == [101, 101, m.KEY_REUSED, m.KEY_REUSED, 101, 101, 101]
    shop.check()


def test_a_share_holds_within_a_batch(redis):
    shop = Shop(redis)
    shop.change("create", 100, per_buyer=3)
    assert shop.batch([("o1", "ann", 2), ("o2", "ann", 2), ("o3", "ann", 1), ("o4", "ann", 1),
                       ("o1", "ann", 0), ("o5", "ann", 2), ("o6", "ann", 1)]) == \
        [1, m.LIMIT, 1, m.LIMIT, 1, 1, m.LIMIT]
    shop.check()


def random_op(dice, shop, tag):
    made = list(shop.model.orders)
    roll = dice.random()
    if roll < 0.55 or not made:
        return f"{tag}{dice.randrange(400)}", f"b{dice.randrange(8)}", dice.randint(1, 4)
    name = dice.choice(made)
    buyer = shop.model.orders[name].buyer
    if roll < 0.75:
        return name, buyer, 0
    if roll < 0.9:
        return name, buyer, shop.model.orders[name].units
    return name, f"b{dice.randrange(8)}", dice.randint(0, 4)


def random_change(dice, shop):
    roll = dice.random()
    name = dice.choice(["", f"c{dice.randrange(40)}"])
    if roll < 0.3:
        shop.change("update", dice.randint(0, 9), name)
    elif roll < 0.4:
        shop.change("reset", dice.randint(0, 40), name)
    elif roll < 0.5:
        shop.change("update", 0, name, per_buyer=dice.choice([0, 3, 9]))
    elif roll < 0.6:
        shop.change("update", 0, name, per_order=dice.choice([0, 2, 4]))
    elif roll < 0.7:
        shop.change("update", 0, name, state=dice.choice([m.OPEN, m.PAUSED, m.CLOSED]))
    elif roll < 0.8:
        shop.change("update", 0, state=m.OPEN, opens=0, closes=0)
    elif roll < 0.85:
        shop.change("update", 0, opens=dice.choice([0, 10 ** 13]), closes=dice.choice([0, 1000]))
    else:
        shop.change("create", 5, name)


@pytest.mark.parametrize("round_number", range(8))
def test_random_batches_and_changes_of_two_sales_agree_with_the_model(redis, round_number):
    dice = random.Random(f"{SEED}/{round_number}")
    claims = {}
    shops = [Shop(redis, product, claims) for product in ("shoe", "sock")]
    for shop in shops:
        shop.change("create", dice.randint(0, 60), per_buyer=dice.choice([0, 5, 20]),
                    per_order=dice.choice([0, 3]))
    print(f"FS_SEED={SEED} round {round_number}")
    for _ in range(80):
        shop = dice.choice(shops)
        if dice.random() < 0.2:
            random_change(dice, shop)
        else:
            # Names are shared by the two sales: the claims have to tell them apart.
            shop.batch([random_op(dice, shop, "o") for _ in range(dice.choice([1, 2, 7, 40]))])
        shop.check()


def test_buyers_of_any_bytes_are_kept_whole(redis):
    shop = Shop(redis)
    shop.change("create", 10)
    buyer = "a|b|0|\n%d{}\"'\\ \u00fc" + b"\xff\x01".decode("utf-8", "surrogateescape")
    raw = buyer.encode("utf-8", "surrogateescape")
    assert shop.decide([("o1", raw, 2)])[0][0] == m.DONE
    assert shop.decide([("o1", raw, 2)])[0][0] == m.DONE + m.REPLAYED
    assert shop.decide([("o1", raw + b"x", 2)])[0][0] == m.KEY_REUSED
    assert shop.decide([("o1", raw, 0)])[0][0] == m.DONE
    assert redis.hash(shop.buyers) == {buyer: "0"}


def test_large_numbers_stay_exact(redis):
    shop = Shop(redis)
    shop.change("create", UNITS_MAX - 1)
    redis.ask("HSET", shop.sale, "seq", 9 * 10 ** 12)
    shop.model.seq = 9 * 10 ** 12
    shop.batch([("o1", "ann", 4294967295), ("o2", "ann", 1)])
    shop.check()
    shop.model.restocked, shop.model.left = shop.model.restocked + 1, shop.model.left + 1
    shop.model.seq, shop.model.log_entries = shop.model.seq + 1, shop.model.log_entries + 1
    answer = redis.run(CHANGE, [shop.sale, shop.buyers, shop.log, shop.changes, "fs:claims"],
                       "update", "", -1, 1, -1, -1, -1, -1, -1, 0, "shoe", 0, UNITS_MAX)
    assert answer[0] == 1
    shop.check()
    answer = redis.run(CHANGE, [shop.sale, shop.buyers, shop.log, shop.changes, "fs:claims"],
                       "update", "", -1, 1, -1, -1, -1, -1, -1, 0, "shoe", 0, UNITS_MAX)
    assert answer == [302]
    shop.check()


def test_a_dry_run_decides_and_writes_nothing(redis):
    shop = Shop(redis)
    shop.change("create", 3)
    shop.batch([("o0", "ann", 1)])
    before = redis.ask("HGETALL", shop.sale)
    answers = shop.decide([("o1", "ann", 2), ("o0", "ann", 0), ("o2", "bob", 2)], mode="dry")
    assert [answer[0] for answer in answers] == [m.DONE, m.DONE, m.SOLD_OUT]
    assert re.match(r"S\|2\|1\|3\|0\|\d+\|0\|ann$", answers[0][3])
    assert redis.ask("HGETALL", shop.sale) == before
    shop.check()


def test_past_its_deadline_nothing_new_is_decided_but_replays_are(redis):
    shop = Shop(redis)
    shop.change("create", 3)
    shop.batch([("o0", "ann", 1)])
    late = shop.decide([("o1", "ann", 1), ("o0", "ann", 1), ("o0", "ann", 0)], deadline=1000)
    assert [answer[0] for answer in late] == [m.LATE, 101, m.LATE]
    shop.check()
    future = int(time.time() * 1000) + 60000
    assert shop.decide([("o1", "ann", 1)], deadline=future)[0][0] == m.DONE


def test_an_unknown_sale_is_unknown_and_leaves_nothing(redis):
    shop = Shop(redis)
    assert [a[0] for a in shop.decide([("o1", "ann", 1), ("o2", "ann", 0)])] == [m.UNKNOWN] * 2
    assert redis.run(SHOW, [shop.sale]) is None
    assert redis.run(AUDIT, [shop.sale, shop.orders, shop.buyers], 10) is None
    assert redis.run(FREEZE, [shop.sale], "why") == 0
    assert redis.ask("KEYS", "*") == []


def test_a_sale_that_lost_what_it_acknowledged_freezes_until_a_new_epoch(redis):
    for loss in ("all", "tail", "overwritten"):
        redis.ask("FLUSHALL")
        shop = Shop(redis)
        shop.change("create", 10)
        shop.batch([("o1", "ann", 1)])
        if loss == "all":
            redis.ask("FLUSHALL")
        else:
            redis.ask("HDEL", shop.orders, "o1")
            redis.ask("HSET", shop.sale, "seq", 1, "left", 10, "sold", 0)
        if loss == "overwritten":  # others went on: the sequence is high again
            other = Shop(redis)
            other.decide([("o7", "bob", 1), ("o8", "bob", 1), ("o1", "ann", 1)])
        assert shop.decide([("o2", "ann", 1)])[0][0] == m.FROZEN
        if loss == "all":
            continue
        blind = Shop(redis)  # one that had seen nothing is told as well
        assert blind.decide([("o3", "ann", 1), ("o3", "ann", 0)]) == [(m.FROZEN, -1, 0, "")] * 2
        why, at_ms = redis.hash(shop.sale)["frozen"].split("@")
        assert why == "behind" and abs(int(at_ms) / 1000 - time.time()) < 600
        assert redis.run(CHANGE, [shop.sale, shop.buyers, shop.log, shop.changes, "fs:claims"],
                         "reset", "", 5, 0, -1, -1, -1, -1, -1, 1, "shoe", 0, UNITS_MAX)[0] == 1
        assert shop.decide([("o2", "ann", 1)])[0][:2] == (m.DONE, 4)


def test_a_reset_begins_above_every_epoch_that_was_seen(redis):
    shop = Shop(redis)
    answer = redis.run(CHANGE, [shop.sale, shop.buyers, shop.log, shop.changes, "fs:claims"],
                       "reset", "", 5, 0, -1, -1, -1, -1, -1, 7, "shoe", 0, UNITS_MAX)
    assert answer[:2] == [1, "8"]


def test_a_script_that_fails_has_written_nothing(redis):
    for broken in ("orders", "buyers", "log", "claims"):
        redis.ask("FLUSHALL")
        shop = Shop(redis)
        shop.change("create", 10)
        key = "fs:claims" if broken == "claims" else getattr(shop, broken)
        redis.ask("DEL", key)
        redis.ask("SET", key, "not what it should be")
        before = redis.ask("HGETALL", shop.sale)
        with pytest.raises(RedisError, match="WRONGTYPE"):
            shop.decide([("o1", "ann", 1)])
        assert redis.ask("HGETALL", shop.sale) == before
        assert redis.ask("EXISTS", shop.orders) == (broken == "orders")
        assert redis.ask("EXISTS", "fs:claims") == (broken == "claims")


def test_there_is_room_for_so_many_names_and_each_may_come_again(redis):
    assert [redis.run(NAME, ["fs:products"], f"p{i % 6}", 5) for i in range(12)] == \
        [1, 1, 1, 1, 1, 0] * 2
    assert redis.ask("SCARD", "fs:products") == 5


def test_the_log_is_kept_to_about_its_length(redis):
    shop = Shop(redis)
    shop.change("create", 1000)
    for i in range(600):
        redis.run(DECIDE, [shop.sale, shop.orders, shop.buyers, shop.log], 0, 0, "", "", 100, "run",
                  0, "", f"o{i}", "ann", 1)
    assert 100 <= redis.ask("XLEN", shop.log) <= 300
    assert redis.ask("HLEN", shop.orders) == 600
    assert redis.ask("EXISTS", "fs:claims") == 0


# v2

TOKENS = ["0" * 31 + digit for digit in "123"]


def acquire(redis, shop, token, lease=10000):
    return redis.run(ACQUIRE, [shop.sale, shop.lock], token, lease)


def write(shop, token, fence, ops):
    return shop.decide(ops, source=WRITE, owner=f"{token}:{fence}", lock=[shop.lock])


def test_one_holds_the_lock_and_each_holding_has_a_higher_fence(redis):
    shop = Shop(redis)
    shop.change("create", 10)
    first = acquire(redis, shop, TOKENS[0])
    assert first[0] == 1
    taken, rest_ms, units_left = acquire(redis, shop, TOKENS[1])
    assert taken == 0 and 0 < rest_ms <= 10000 and units_left == 10
    assert redis.ask("SCAN", 0, "MATCH", "lock:*", "COUNT", 1000)[1] == ["lock:{shoe}"]
    again = acquire(redis, shop, TOKENS[0])
    assert again == [1, first[1] + 1, 0]
    assert redis.run(RELEASE, [shop.lock], TOKENS[1]) == 0
    assert redis.run(RELEASE, [shop.lock], TOKENS[0]) == 1
    assert acquire(redis, shop, TOKENS[1]) == [1, first[1] + 2, 0]


def test_the_guarded_write_decides_and_gives_the_lock_back(redis):
    shop = Shop(redis)
    shop.change("create", 1)
    fence = acquire(redis, shop, TOKENS[0])[1]
    assert write(shop, TOKENS[0], fence, [("o1", "ann", 1), ("o2", "ann", 1)])[0][0] == m.DONE
    assert redis.ask("EXISTS", shop.lock) == 0
    assert write(shop, TOKENS[0], fence, [("o3", "ann", 1)]) == [-1]


def test_a_holder_whose_lease_ended_writes_nothing(redis):
    for successor in (None, "holds", "was"):
        redis.ask("FLUSHALL")
        shop = Shop(redis)
        shop.change("create", 5)
        fence = acquire(redis, shop, TOKENS[0], lease=20)[1]
        time.sleep(0.03)
        if successor:
            later = acquire(redis, shop, TOKENS[1])[1]
        if successor == "was":
            write(shop, TOKENS[1], later, [("o2", "bob", 1)])
        before = redis.ask("HGETALL", shop.sale)
        assert write(shop, TOKENS[0], fence, [("o1", "ann", 1)]) == [-1]
        assert redis.ask("HGETALL", shop.sale) == before
        assert redis.ask("EXISTS", shop.lock) == (successor == "holds")


def change_raw(redis, shop, kind, units=-1, add=0, known=0, **terms):
    fields = {"per_buyer": -1, "per_order": -1, "opens": -1, "closes": -1, "state": -1, **terms}
    return redis.run(CHANGE, [shop.sale, shop.buyers, shop.log, shop.changes, "fs:claims"], kind, "",
                     units, add, *fields.values(), known, shop.product, 0, UNITS_MAX)


def test_a_frozen_sale_takes_no_change_but_a_reset_a_pause_or_an_end(redis):
    shop = Shop(redis)
    shop.change("create", 10)
    redis.ask("HSET", shop.sale, "frozen", "behind")
    before = redis.ask("HGETALL", shop.sale)
    for changed in ({"add": 3}, {"per_buyer": 3}, {"per_order": 3}, {"opens": 3}, {"closes": 3},
                    {"state": m.OPEN}):
        assert change_raw(redis, shop, "update", **changed)[0] == m.FROZEN, changed
    assert redis.ask("HGETALL", shop.sale) == before
    assert change_raw(redis, shop, "update", state=3)[0] == m.DONE
    assert redis.ask("HGET", shop.sale, "frozen") == "behind"
    assert change_raw(redis, shop, "reset", units=4)[0] == m.DONE
    assert redis.ask("HGET", shop.sale, "frozen") is None
    redis.ask("FLUSHALL")
    for kind in ("create", "update"):
        assert change_raw(redis, shop, kind, known=2) == [m.FROZEN], kind
    assert redis.ask("KEYS", "*") == []
    assert change_raw(redis, shop, "reset", units=4, known=2)[0] == m.DONE
    assert redis.ask("HGET", shop.sale, "epoch") == "3"


def test_a_change_of_the_sale_takes_the_fence_from_the_holder(redis):
    shop = Shop(redis)
    shop.change("create", 5)
    fence = acquire(redis, shop, TOKENS[0])[1]
    shop.change("update", 3)
    assert write(shop, TOKENS[0], fence, [("o1", "ann", 1)]) == [-1]
    assert redis.ask("EXISTS", shop.lock) == 0
    shop.check()


def test_the_lock_of_a_product_without_a_sale_ends_by_itself(redis):
    shop = Shop(redis, "none")
    assert acquire(redis, shop, TOKENS[0]) == [1, 0, 0]
    assert write(shop, TOKENS[0], 0, [("o1", "ann", 1)])[0][0] == m.UNKNOWN
    acquire(redis, shop, TOKENS[0], lease=20)
    time.sleep(0.03)
    assert redis.ask("KEYS", "*") == []
