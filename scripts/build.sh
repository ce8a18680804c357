#!/bin/sh
# Configures (once) and builds a preset: scripts/build.sh PRESET [TARGET ...]
set -eu
cd "$(dirname "$0")/.." || exit 1

preset=${1:?"usage: scripts/build.sh PRESET [TARGET ...]"}
shift
case $preset in
release) folder=build ;;
*) folder=build-$preset ;;
esac

if [ ! -f "$folder/build.ninja" ]; then
    cmake --preset "$preset" >"${TMPDIR:-/tmp}/flashsale-cmake.$$" 2>&1 || {
        cat "${TMPDIR:-/tmp}/flashsale-cmake.$$"
        rm -f "${TMPDIR:-/tmp}/flashsale-cmake.$$"
        exit 1
    }
    rm -f "${TMPDIR:-/tmp}/flashsale-cmake.$$"
fi
if [ $# -eq 0 ]; then
    ninja -C "$folder" --quiet
else
    ninja -C "$folder" --quiet "$@"
fi
