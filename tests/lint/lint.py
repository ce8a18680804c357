"""Lint tests: the house rules that a compiler does not know.

    lint.py SOURCE_DIR RULE [BUILD_DIR]

Rules are the functions below named rule_*.  Each prints "file:line: what is wrong" for every breach
and the process exits 1 when there is one; 2 when it could look at nothing.
"""

import pathlib
import re
import subprocess
import sys

# Which layers a layer may include; core/README.md draws it.
MAY_USE = {
    "base": {"base"},
    "metrics": {"metrics", "base"},
    "store": {"store", "metrics", "base"},
    "strategy": {"strategy", "store", "metrics", "base"},
    "purchase": {"purchase", "strategy", "store", "metrics", "base"},
    "config": {"config", "base"},
    "auth": {"auth", "base"},
    "doctor": {"doctor", "config", "store", "metrics", "base"},
    "http": {"http", "auth", "purchase", "strategy", "store", "metrics", "base"},
    "server": {"server", "http", "auth", "config", "doctor", "purchase", "strategy", "store", "metrics",
               "base"},
    "cli": {"cli"},
}

# Who may include which library.
LIBRARIES = [
    (re.compile(r"^h2o(\.h|/)"), {"core/server/", "core/http/", "core/store/loop_h2o."}),
    (re.compile(r"^(hiredis/|hiredis\.h|async\.h)"), {"core/store/", "core/doctor/", "load_tests/run/"}),
    (re.compile(r"^jansson\.h"), {"core/config/", "core/http/", "core/auth/", "core/cli/",
                                  "load_tests/"}),
    (re.compile(r"^yaml\.h"), {"core/config/", "load_tests/"}),
    (re.compile(r"^curl/"), {"core/auth/", "core/cli/", "load_tests/"}),
    (re.compile(r"^http_parser\.h"), {"load_tests/load/"}),
    (re.compile(r"^crypt\.h"), {"core/auth/"}),
    (re.compile(r"^(event\.h|event2/)"), {"load_tests/"}),
    (re.compile(r"^openssl/"), {"core/auth/", "core/http/", "core/server/", "core/purchase/",
                               "core/store/"}),
]

BANNED = re.compile(r"\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|atof|gets|alloca)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
LINES_MAX = 600
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def tracked(source, *suffixes):
    """Paths, relative to the source folder, of tracked and new files with these endings."""
    listed = subprocess.run(
        ["git", "-C", source, "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:  # a release archive
        names = [str(path.relative_to(source)) for path in pathlib.Path(source).rglob("*")
                 if path.is_file() and not path.relative_to(source).parts[0].startswith("build")]
    return [name for name in names
            if name.endswith(suffixes) and (pathlib.Path(source) / name).is_file()]


def lines_of(source, name):
    return (pathlib.Path(source) / name).read_text(encoding="utf-8").splitlines()


def includes_of(source, name):
    for number, line in enumerate(lines_of(source, name), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def rule_layers(source, _build):
    """core's folders include only what core/README.md lets them."""
    for name in tracked(source, ".c", ".h"):
        parts = name.split("/")
        for number, _quote, header in includes_of(source, name):
            folder = header.split("/")[0]
            if parts[0] == "strategies" and folder in set(MAY_USE) | {"h2o", "hiredis", "jansson"}:
                yield f"{name}:{number}: a strategy includes {header}: only <flashsale/strategy.h>"
            if parts[0] != "core":
                continue
            if parts[1] == "main.c" and header.startswith(tuple(f"{x}/" for x in MAY_USE)) \
                    and not header.startswith("cli/"):
                yield f"{name}:{number}: main.c includes {header}: only flashsale.h and the cli"
            if len(parts) > 2 and parts[1] in MAY_USE and folder in MAY_USE \
                    and folder not in MAY_USE[parts[1]]:
                yield f"{name}:{number}: layer {parts[1]} may not include {header}"
            if parts[1] == "include" and folder in MAY_USE:
                yield f"{name}:{number}: a public header includes the internal {header}"
            if parts[1] == "cli" and header == "flashsale/strategy.h":
                yield f"{name}:{number}: the cli uses flashsale.h only"


def rule_libraries(source, _build):
    """Each library is known to few folders."""
    for name in tracked(source, ".c", ".h"):
        if name.startswith("tests/"):
            continue
        for number, _quote, header in includes_of(source, name):
            for pattern, folders in LIBRARIES:
                if pattern.match(header) and not name.startswith(tuple(folders)):
                    yield f"{name}:{number}: {header} is only for {', '.join(sorted(folders))}"


def rule_own_header_first(source, _build):
    """A .c of core or a strategy with a header of its name includes it before anything else."""
    for name in tracked(source, ".c"):
        own = pathlib.PurePath(name).with_suffix(".h")
        if not name.startswith(("core/", "strategies/")) or not (
                pathlib.Path(source) / own).is_file():
            continue
        first = next(includes_of(source, name), None)
        if first is None or not first[2].endswith(own.name):
            yield f"{name}:{first[0] if first else 1}: the first include is not {own.name}"


def rule_sizes(source, _build):
    """No file is longer than 600 lines."""
    for name in tracked(source, ".c", ".h", ".py", ".lua", ".sh"):
        count = len(lines_of(source, name))
        if count > LINES_MAX:
            yield f"{name}:{count}: more than {LINES_MAX} lines"


def rule_words(source, _build):
    """No banned functions, no marks of unfinished work."""
    for name in tracked(source, ".c", ".h"):
        for number, line in enumerate(lines_of(source, name), 1):
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line)
            code = re.sub(r"/\*.*?\*/|//.*", "", code)
            match = BANNED.search(code)
            if match and not code.lstrip().startswith("*"):
                yield f"{name}:{number}: {match.group(1)}() is not used here"
            if UNFINISHED.search(line):
                yield f"{name}:{number}: a mark of unfinished work"


def rule_heads(source, _build):
    """A .c begins with what the file is for; a header is guarded and documented likewise."""
    for name in tracked(source, ".c", ".h"):
        lines = lines_of(source, name)
        if not lines or not lines[0].startswith("/*"):
            yield f"{name}:1: begins with no comment that says what the file is for"
        if name.endswith(".h") and name.startswith("core/") and not any(
                line.startswith("#ifndef ") for line in lines):
            yield f"{name}:1: no include guard"


def rule_globs(source, _build):
    """Sources are listed by name."""
    for name in tracked(source, "CMakeLists.txt", ".cmake"):
        for number, line in enumerate(lines_of(source, name), 1):
            if re.search(r"\bfile\s*\(\s*GLOB", line, re.IGNORECASE):
                yield f"{name}:{number}: sources are not globbed"


def objects(build, *parts):
    for part in parts:
        yield from sorted(pathlib.Path(build, part).rglob("*.o"))


def rule_globals(source, build):
    """No writable static data in core or the strategies: every object file is looked at."""
    looked = 0
    for path in objects(build, "core", "strategies"):
        looked += 1
        table = subprocess.run(["objdump", "-t", str(path)], capture_output=True, text=True,
                               check=True).stdout
        for line in table.splitlines():
            fields = line.split()
            section = next((f for f in fields if f.startswith((".data", ".bss", "*COM*", ".tdata",
                                                               ".tbss"))), None)
            if section is None or section.startswith(".data.rel.ro") or " d " in line[:24]:
                continue
            symbol = fields[-1]
            if symbol.startswith((".", "__asan", "__ubsan", "__odr_asan", "__tsan", ".L")):
                continue
            yield f"{path.name}: {symbol} is writable static data in {section}"
    if not looked:
        raise SystemExit("lint: no object files in " + build)


def exported(path):
    table = subprocess.run(["nm", "-D", "--defined-only", str(path)], capture_output=True,
                           text=True, check=True).stdout
    return {line.split()[-1] for line in table.splitlines()
            if line.split()[-2] not in ("w", "v") and not line.split()[-1].startswith("_")}


def rule_exports(source, build):
    """libflashsale.so exports what flashsale.h declares; a strategy exports one symbol."""
    header = (pathlib.Path(source) / "core/include/flashsale/flashsale.h").read_text()
    declared = set(re.findall(r"FS_API[^;]*?\b(fs_\w+)\(", header, re.DOTALL))
    library = pathlib.Path(build) / "libflashsale.so"
    strategies = sorted((pathlib.Path(build) / "strategies").glob("*.so"))
    if not declared or not library.exists() or not strategies:
        raise SystemExit("lint: no library, no strategies or no declarations in " + build)
    for symbol in sorted(exported(library) ^ declared):
        yield f"libflashsale.so: {symbol} is {'declared' if symbol in declared else 'exported'} only"
    for path in strategies:
        symbols = exported(path)
        if symbols != {"flashsale_strategy"}:
            yield f"{path.name}: exports {', '.join(sorted(symbols)) or 'nothing'}"


def rule_machine_paths(source, _build):
    """Nothing in the tree names a place on one developer's machine."""
    pattern = re.compile(r"/wor" + r"k/|/hom" + r"e/\w|/tm" + r"p/b-|/roo" + r"t/")
    for name in tracked(source, ".c", ".h", ".py", ".sh", ".md", ".txt", ".yaml", ".yml", ".cmake",
                        ".json", ".lua", "Makefile"):
        for number, line in enumerate(lines_of(source, name), 1):
            if pattern.search(line):
                yield f"{name}:{number}: a path of one machine"


def main():
    rules = {name[5:]: value for name, value in globals().items() if name.startswith("rule_")}
    if len(sys.argv) < 3 or sys.argv[2] not in rules:
        print(f"usage: lint.py SOURCE_DIR {{{','.join(rules)}}} [BUILD_DIR]", file=sys.stderr)
        return 2
    found = list(rules[sys.argv[2]](sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None))
    for breach in found:
        print(breach)
    print(f"{sys.argv[2]}: {len(found)} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
