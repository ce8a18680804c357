"""The cases of tests/http/cases once more, over TLS and HTTP/2: what a client sees is the same."""
import pathlib
import shutil
import sys
import tempfile

import pytest

from http2_server import Http2Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
import test_cases as http1_cases  # noqa: E402

fixture_document = http1_cases.fixture_document
test_case = http1_cases.test_case


@pytest.fixture(scope="module")
def shared_server():
    path = pathlib.Path(tempfile.mkdtemp(prefix="fs-h2-"))
    one = Http2Server(path / "s")
    try:
        yield one.start()
        one.close()
    finally:
        one.kill()
        shutil.rmtree(path, ignore_errors=True)
