"""Each rule about documented commands catches what it is for, in a small tree of its own."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import commands  # noqa: E402  # pylint: disable=wrong-import-position

PLANTED = [
    ("make tset", "no target tset"),
    ("make build STRATEGY=v3", None),
    ("cmake --preset fast && true", "no preset fast"),
    ("scripts/gone.sh build", "scripts/gone.sh is not there"),
    ("build/flashsale stokc list", "no command stokc"),
    ("A=1 build/flashsale stock list --josn", "no option --josn"),
    ("build/flashsale --set redis.prefx=a", "no configuration key redis.prefx"),
    ("build/flashsale --set redis.prefix=a  # with a remark", None),
]

FLASHSALE = """#!/bin/sh
case $2 in serve) echo "  --set KEY=VALUE" ;; stock) echo "  --json" ;; *) exit 2 ;; esac
"""


def plant(folder, command, script):
    for name, text in {"Makefile": "PRESETS_TESTED := release\nbuild: x\n",
                       "CMakePresets.json": '{"configurePresets":[{"name":"release"},{"name":"dev"}]}',
                       "config/flashsale.yaml": "redis:\n  prefix: x\n",
                       "scripts/test.sh": script,
                       "README.md": f"```\n{command}\n```\n",
                       "build/flashsale": FLASHSALE}.items():
        path = pathlib.Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    pathlib.Path(folder, "build/flashsale").chmod(0o755)


def found(command, script="scripts/build.sh dev\n"):
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, command, script)
        tree = commands.Tree(folder, folder + "/build")
        tree.looked = 0
        return list(commands.breaches(tree))


def main():
    failed = 0
    for command, expected in PLANTED:
        breaches = found(command)
        if (expected is None and breaches) or \
                (expected is not None and not any(expected in b for b in breaches)):
            print(f"{command}: expected {expected}, found {breaches}")
            failed += 1
    if not any("builds the preset dev" in b for b in found("make build", "true\n")):
        print("a preset that nobody builds was missed")
        failed += 1
    print(f"{len(PLANTED) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
