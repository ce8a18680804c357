"""The guard of HTTP/2 is in effect however the library is linked, also behind a program's own h2o."""
import os
import pathlib
import subprocess

import pytest

import flashsale
from http2_server import make_certificate

PROGRAMS = os.environ["FS_EMBEDDED"].split(":")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: pathlib.Path(path).name)
def test_http2_is_on(folder, program):
    certificate, key = make_certificate(folder)
    folder.mkdir(exist_ok=True)
    strategies = str(pathlib.Path(flashsale.binary()).parent / "strategies")
    environment = flashsale.clean_environment(FLASHSALE_STRATEGY_DIR=strategies)
    environment.pop("FLASHSALE_CONFIG", None)  # the program's variable, not the library's
    done = subprocess.run([program, folder / "data", certificate, key], capture_output=True, text=True,
                          timeout=20 * flashsale.slowness(), check=False,
                          env=environment)
    flashsale.check_reports(done.stdout + done.stderr, program)
    assert done.returncode == 0, done.stdout + done.stderr
