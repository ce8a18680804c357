"""The packages under test are found beside the scripts that use them."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "scripts")]

import analyze_results  # noqa: E402  (found by the line above)


class Done:
    """What a call of the script's main() left: exit code, and what was printed."""

    def __init__(self, captured, code):
        self.returncode, (self.stdout, self.stderr) = code, captured


@pytest.fixture
def analyze(capsys):
    """The script called in this process: a start of Python with pandas takes a second."""
    def call(*arguments):
        capsys.readouterr()
        code = analyze_results.main([str(argument) for argument in arguments])
        return Done(capsys.readouterr(), code)
    return call
