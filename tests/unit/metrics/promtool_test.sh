#!/bin/sh
# Is the page valid, and free of what promtool's linter has to say?  promtool_test.sh PROGRAM...
set -eu
if ! command -v promtool >/dev/null; then
    echo "SKIPPED: promtool is not installed (Debian: apt-get install prometheus)," \
         "so nobody checks the Prometheus text" >&2
    exit 77
fi
page=$(mktemp)
trap 'rm -f "$page"' EXIT
for variant in full empty; do
    "$1" "$variant" >"$page"
    test -s "$page"
    # Says nothing and returns 0 when there is nothing to say.
    said=$(promtool check metrics <"$page" 2>&1) || { echo "$variant page: $said" >&2; exit 1; }
    test -z "$said" || { echo "$variant page: $said" >&2; exit 1; }
    echo "$variant page: $(wc -l <"$page") lines, nothing to complain about"
done
# A linter that finds nothing anywhere proves nothing.
if printf '# TYPE bad_total gauge\nbad_total 1\n' | promtool check metrics >/dev/null 2>&1; then
    echo "promtool accepts a gauge named bad_total" >&2
    exit 1
fi
