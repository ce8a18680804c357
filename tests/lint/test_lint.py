"""Each lint rule catches what it is for: a breach is planted in a small tree and must be named."""

import pathlib
import subprocess
import sys
import tempfile

LINT = pathlib.Path(__file__).with_name("lint.py")

PLANTED = [
    ("layers", "core/base/text.c", '/* x */\n#include "http/http.h"\n', "layer base may not"),
    ("layers", "strategies/v9/v9.c", '/* x */\n#include "base/log.h"\n', "a strategy includes"),
    ("layers", "core/main.c", '/* x */\n#include "server/server.h"\n', "only flashsale.h"),
    ("libraries", "core/purchase/op.c", "/* x */\n#include <h2o.h>\n", "h2o.h is only for"),
    ("libraries", "core/base/text.c", "/* x */\n#include <jansson.h>\n", "jansson.h is only for"),
    ("sizes", "core/base/long.c", "/* x */\n" + "\n" * 600, "more than 600"),
    ("words", "core/base/text.c", "/* x */\nint f(void) { return atoi(0); }\n", "atoi()"),
    ("words", "core/base/text.c", "/* x */\n/* TO" + "DO later */\n", "unfinished"),
    ("heads", "core/base/text.c", "#include <stdio.h>\n", "begins with no comment"),
    ("globs", "core/CMakeLists.txt", "file(GLOB all *.c)\n", "not globbed"),
    ("machine_paths", "README.md", "see /wor" + "k/main\n", "a path of one machine"),
]


def run(folder, rule):
    return subprocess.run([sys.executable, str(LINT), folder, rule], capture_output=True, text=True,
                          check=False)


def main():
    failed = 0
    for rule, name, text, expected in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            result = run(folder, rule)
            if result.returncode != 1 or expected not in result.stdout:
                print(f"{rule} missed {name}: {result.stdout}{result.stderr}")
                failed += 1
            path.write_text("/* fine */\n" if name.endswith(".c") else "")
            result = run(folder, rule)
            if result.returncode != 0:
                print(f"{rule} complains about nothing: {result.stdout}{result.stderr}")
                failed += 1
    with tempfile.TemporaryDirectory() as folder:
        for name in ("core/base/text.h", "core/base/text.c"):
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('/* x */\n#include <stdio.h>\n#include "base/text.h"\n')
        if run(folder, "own_header_first").returncode != 1:
            print("own_header_first missed a breach")
            failed += 1
    print(f"{len(PLANTED) * 2 + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
