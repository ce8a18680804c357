"""v4 on two Redis servers whose clocks are 20 s apart: one clock judges the window of a sale."""
import datetime
import pathlib
import struct
import time

import pytest

from flashsale import binary, slowness
from redis_sales import on_redis
from redis_server import RedisServer

APART_S = 20
BUYERS = 16
NAMES = ("aa", "bb", "cc", "dd", "ee", "ff")


class Ahead(RedisServer):
    """Its clock is ahead of everybody else's."""

    def command(self):
        shim = pathlib.Path(binary()).parent / "tests" / "support" / "clock_shim.so"
        offset = self.folder / "offset"
        offset.write_bytes(struct.pack("<q", APART_S * 1_000_000))
        return ["/usr/bin/env", f"LD_PRELOAD={shim}", f"FS_CLOCK_SHIM={offset}", *super().command()]


def text_of(unix_s):
    at = datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.limit(60)
def test_a_window_is_judged_by_one_clock_on_every_shard(make_server, folder):
    with RedisServer(folder / "one", tcp=True) as one, Ahead(folder / "two", tcp=True) as two:
        server = on_redis(make_server, one.url, "v4", "--redis", two.url).start()
        buyers = [server.login(f"user_{n}") for n in range(BUYERS)]
        for name in NAMES:
            server.sale(name, stock=1000)
        firsts = {name: bool(one.keys(f"fs:{{{name}/0*}}:sale")) for name in NAMES}
        assert set(firsts.values()) == {True, False}, "every sale has its shard 0 on the same server"
        by_true_clock = next(name for name, is_one in firsts.items() if is_one)
        by_other_clock = next(name for name, is_one in firsts.items() if not is_one)
        for name, ahead_s in ((by_true_clock, 0), (by_other_clock, APART_S)):
            opens = time.time() + 2.0 * slowness()
            change = server.admin_ask("PATCH", f"/admin/products/{name}", {"opens_at": text_of(opens + ahead_s)})
            assert change.status == 200, change
            while time.time() < opens - 0.3:
                codes = {server.buy(name, buyer).code for buyer in buyers[:4] + buyers[-4:]}
                assert codes == {"sale_not_open"} or time.time() > opens - 0.3, (name, codes)
            time.sleep(max(0.0, opens + 0.1 - time.time()))
            statuses = [server.buy(name, buyer).status for buyer in buyers]
            assert statuses == [200] * BUYERS, (name, statuses)
            change = server.admin_ask("PATCH", f"/admin/products/{name}",
                                      {"closes_at": text_of(opens + ahead_s + 0.05)})
            assert change.status == 200, change
            codes = {server.buy(name, buyer).code for buyer in buyers}
            assert codes == {"sale_closed"}, (name, codes)
            server.audit(name)
        assert "differs by" in server.log(), server.log()
