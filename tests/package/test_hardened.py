"""The program as an attacker meets it: PIE, full RELRO, a stack protector, fortified calls, no executable stack."""
import re
import subprocess

import flashsale


def readelf(*flags):
    return subprocess.run(["readelf", "-W", *flags, flashsale.binary()], capture_output=True, text=True, check=True).stdout


def test_the_program_is_hardened():
    headers = readelf("-h", "-l", "-d")
    assert re.search(r"Type:\s+DYN", headers) and "GNU_RELRO" in headers
    assert re.search(r"BIND_NOW|FLAGS_1\).*NOW", headers)
    assert re.search(r"GNU_STACK.*\sRW\s", headers)
    symbols = readelf("--dyn-syms")
    assert "__stack_chk_fail" in symbols and re.search(r"__\w+_chk@", symbols)
