"""Commands that documents print exist: every line of a fenced block is compared with what there is.

    commands.py SOURCE_DIR BUILD_DIR

make TARGET is a target of the Makefile, a preset is one of CMakePresets.json, a path under scripts/,
strategies/ or load_tests/ is there, ninja's targets can be built, flashsale knows the command and each
of its options, and each configuration key of --set.  Presets that nobody builds are named too.
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "core/**/README.md",
             "strategies/**/README.md", "load_tests/README.md", "results/README.md")
PROMPT = re.compile(r"^\$\s+")
KEPT = re.compile(r"[A-Za-z0-9_./:=-]+$")


def commands_of(path):
    """(line number, words) of each simple command in a fenced or inline code text."""
    inside, held, start = False, "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside, held = not inside, ""
            continue
        if not inside:
            for code in re.findall(r"`([^`]+)`", line):
                if re.match(r"(make|cmake|ctest|ninja|scripts/|build/|flashsale )", code):
                    yield number, code
            continue
        line = PROMPT.sub("", line.rstrip())
        start = start if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        yield start, held + line
        held = ""


def words_of(text):
    """The simple commands of a line of shell, as lists of words; what is no shell gives none."""
    text = re.sub(r"\$\([^)]*\)", "VALUE", text)
    for part in re.split(r"&&|\|\||[;|]|\s&(?:\s|$)", re.sub(r"(^|\s)#.*", "", text)):
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words:
            yield words


class Tree:
    """What the commands may name."""

    def __init__(self, source, build):
        self.source, self.build = pathlib.Path(source), pathlib.Path(build)
        makefile = (self.source / "Makefile").read_text()
        self.targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
        presets = json.loads((self.source / "CMakePresets.json").read_text())["configurePresets"]
        self.presets = {p["name"] for p in presets if not p.get("hidden")}
        reference = (self.source / "config/flashsale.yaml").read_text()
        self.keys = set(re.findall(r"\b([a-z][a-z0-9_]*)(?=:)", reference))
        self.help = {}

    def help_of(self, command):
        if command not in self.help:
            words = [str(self.build / "flashsale")] + (
                ["bench", "help"] + command.split()[1:] if command.startswith("bench ")
                else ["help"] + command.split())
            done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
            self.help[command] = done.stdout if done.returncode == 0 else None
        return self.help[command]

    def ninja_targets(self):
        listed = subprocess.run(["ninja", "-C", str(self.build), "-t", "targets", "all"],
                                capture_output=True, text=True, timeout=60, check=False).stdout
        return {line.split(":")[0] for line in listed.splitlines()}


def check_make(tree, words):
    for word in words[1:]:
        if "=" not in word and not word.startswith("-") and word not in tree.targets:
            yield f"make has no target {word}"


def check_presets(tree, words):
    for flag, value in zip(words, words[1:]):
        if flag == "--preset" and value not in tree.presets:
            yield f"there is no preset {value}"


def check_ninja(tree, words):
    wanted = [w for i, w in enumerate(words[1:], 1) if not w.startswith("-") and words[i - 1] != "-C"]
    for word in wanted:
        if word not in tree.ninja_targets():
            yield f"ninja has no target {word}"


def check_path(tree, words):
    if not (tree.source / words[0]).exists():
        yield f"{words[0]} is not there"


def check_key(tree, value):
    for part in value.split("=")[0].split("."):
        if part not in tree.keys and not value.startswith("strategy_options."):
            yield f"no configuration key {value.split('=')[0]}"
            return


def check_flashsale(tree, words):
    known = ("serve", "check-config", "strategies", "stock", "healthcheck", "doctor", "bench",
             "version", "help")
    command = words[1] if len(words) > 1 and not words[1].startswith("-") else "serve"
    if command not in known and tree.help_of(command) is None:
        if KEPT.match(command):
            yield f"flashsale has no command {command}"
        return
    if command == "help":
        return
    if command == "bench":
        command = "bench " + words[2] if len(words) > 2 else command
    text = tree.help_of(command)
    if text is None:
        yield f"flashsale has no command {command}"
        return
    for flag, value in zip(words, words[1:] + [""]):
        name = flag.split("=")[0]
        if re.match(r"--?[a-z]", name) and name != "--version" and \
                not re.search(r"(?<![a-z-])" + re.escape(name) + r"(?![a-z-])", text):
            yield f"flashsale {command} has no option {name}"
        if name == "--set" and "=" in value:
            yield from check_key(tree, value)


CHECKS = {"make": check_make, "cmake": check_presets, "ctest": check_presets, "ninja": check_ninja,
          "flashsale": check_flashsale, "build/flashsale": check_flashsale}


def breaches(tree):
    for pattern in DOCUMENTS:
        for path in sorted(tree.source.glob(pattern)):
            for number, text in commands_of(path):
                for words in words_of(text):
                    check = CHECKS.get(words[0])
                    if check is None and re.match(r"scripts/[a-z_]+\.(sh|py)$", words[0]):
                        check = check_path
                    if check is None:
                        continue
                    tree.looked += 1
                    for problem in check(tree, words):
                        yield f"{path.relative_to(tree.source)}:{number}: {problem}"
    makefile = (tree.source / "Makefile").read_text()
    tested = re.search(r"^PRESETS_TESTED := (.*)$", makefile, re.MULTILINE).group(1).split()
    script = (tree.source / "scripts/test.sh").read_text()
    for preset in sorted(tree.presets):
        if preset not in tested and f"scripts/test.sh {preset}\n" not in makefile and \
                not re.search(rf"scripts/build\.sh {preset}\b", script):
            yield f"CMakePresets.json: no target of the Makefile builds the preset {preset}"


def main():
    tree = Tree(*sys.argv[1:3])
    tree.looked = 0
    found = list(breaches(tree))
    for breach in found:
        print(breach)
    print(f"commands: {tree.looked} commands, {len(found)} breaches")
    return 1 if found or tree.looked < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
