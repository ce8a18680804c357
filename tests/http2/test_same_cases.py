"""The cases of tests/http/cases once more, over TLS and HTTP/2: what a client sees is the same."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
import test_cases as http1_cases  # noqa: E402

fixture_document = http1_cases.fixture_document
test_case = http1_cases.test_case


@pytest.fixture(scope="module")
def shared_server(standing):
    return standing
