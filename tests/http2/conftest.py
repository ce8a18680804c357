"""Servers that speak HTTP/2."""
import pathlib
import shutil
import tempfile

import pytest

from flashsale import slowness
from http2_server import Http2Server

SPAN_S = round(slowness())
TIMES = f"http:\n  request_timeout: {SPAN_S}s\n  idle_timeout: {SPAN_S}s\n  slow_reader_timeout: {SPAN_S}s\n"


@pytest.fixture(scope="module", name="standing")
def fixture_standing():
    """One for a file of tests that leave it as it was."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="fs-h2-"))
    one = Http2Server(path / "s")
    try:
        yield one.start()
        one.close()
    finally:
        one.kill()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(name="hasty")
def fixture_hasty(folder):
    """One with short times."""
    one = Http2Server(folder / "h", config=TIMES)
    yield one.start()
    one.close()
