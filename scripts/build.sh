#!/bin/sh
# Configures and builds a preset: scripts/build.sh PRESET [TARGET ...]
set -eu
cd "$(dirname "$0")/.." || exit 1

preset=${1:?"usage: scripts/build.sh PRESET [TARGET ...]"}
shift
case $preset in
release) folder=build ;;
*) folder=build-$preset ;;
esac

# Each time, since a changed preset is not seen by ninja; it takes a part of a second.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
nightly=OFF
[ "${FS_PROFILE:-ci}" != nightly ] || nightly=ON
if ! cmake --preset "$preset" -DFLASHSALE_NIGHTLY=$nightly >"$log" 2>&1; then
    cat "$log"
    exit 1
fi
ninja -C "$folder" --quiet "$@"
