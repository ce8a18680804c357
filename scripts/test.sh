#!/bin/sh
# Builds each named preset and runs its tests: scripts/test.sh PRESET ...
#
# Every preset runs, also when an earlier one failed; the exit code tells of any failure.  A summary
# of ctest's closes each.  With release the preset dev is built too, and not run, since gcc warns of
# other things without optimisation: libraries, strategies and programs, with FS_PROFILE=nightly all
# tests as well.
set -u
cd "$(dirname "$0")/.." || exit 1

failed=
programs="flashsale flashsale-bench flashsale_shared strategies"
[ "${FS_PROFILE:-ci}" != nightly ] || programs=all
case " $* " in
*" release "*)
    echo "== dev: build"
    # shellcheck disable=SC2086  # a list of targets
    scripts/build.sh dev $programs || failed="$failed dev(build)"
    ;;
esac
for preset in "$@"; do
    echo "== $preset: build"
    targets=
    [ "$preset" != fuzz ] || targets=fuzz
    # shellcheck disable=SC2086  # none or one word
    scripts/build.sh "$preset" $targets || { failed="$failed $preset(build)"; continue; }
    echo "== $preset: test"
    # Most tests wait, for a disk, a deadline or a server: two a processor.  Those that measure time
    # run alone (ALONE in tests/support/Pytest.cmake).
    ctest --preset "$preset" -j "$((2 * $(nproc)))" || failed="$failed $preset"
done
if [ -n "$failed" ]; then
    echo "FAILED:$failed"
    exit 1
fi
