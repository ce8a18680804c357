#!/bin/sh
# What reads the code rather than runs it: layout, clang-tidy, cppcheck, the lint tests.
set -u
cd "$(dirname "$0")/.." || exit 1

failed=
sources=$(git ls-files '*.c')
headers=$(git ls-files '*.h')

echo "== clang-format"
# shellcheck disable=SC2086  # file names without spaces
clang-format --dry-run -Werror $sources $headers || failed="$failed format"

echo "== compile with clang"
if [ ! -f build-check/build.ninja ]; then
    cmake -G Ninja -S . -B build-check -DCMAKE_C_COMPILER=clang -DFLASHSALE_WERROR=ON \
        -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null || exit 1
fi
ninja -C build-check --quiet || failed="$failed clang"

echo "== clang-tidy"
# shellcheck disable=SC2086
printf '%s\n' $sources | grep -E '^(core|strategies|load_tests)/' |
    xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build-check 2>build-check/tidy.log || {
    grep -v 'warnings generated\|Suppressed\|Use -header-filter' build-check/tidy.log
    failed="$failed tidy"
}

echo "== cppcheck"
# With a single job it also reads across files, and takes every out-parameter for uninitialised.
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
    --suppress=missingIncludeSystem -j "$(($(nproc) + 1))" -I core/include -I core -D__linux__ \
    --suppress=unknownMacro:core/cli/stock.c \
    core strategies load_tests || failed="$failed cppcheck"

echo "== shellcheck"
shellcheck scripts/*.sh .ci/run || failed="$failed shellcheck"

echo "== compose files"
for file in docker/docker-compose.yml docker/docker-compose.test.yml; do
    docker-compose -f "$file" --profile cluster --profile headless config --quiet ||
        failed="$failed $file"
done

echo "== Dockerfile, workflows, API document"
mkdir -p build-check/npm
cp scripts/check/package.json build-check/npm/
if npm install --no-audit --no-fund --no-package-lock --prefix build-check/npm \
    >build-check/npm.log 2>&1; then
    bin=build-check/npm/node_modules/.bin
    $bin/dockerfilelint docker/Dockerfile >build-check/dockerfile.log || {
        cat build-check/dockerfile.log
        failed="$failed Dockerfile"
    }
    for file in .github/workflows/*.yml; do
        $bin/action-validator "$file" || failed="$failed $file"
    done
    REDOCLY_TELEMETRY=off $bin/redocly lint core/http/openapi.json 2>build-check/redocly.log || {
        cat build-check/redocly.log
        failed="$failed openapi.json"
    }
else
    cat build-check/npm.log
    failed="$failed npm"
fi

echo "== lint"
ctest --test-dir build-check -L lint --output-on-failure || failed="$failed lint"

if [ -n "$failed" ]; then
    echo "FAILED:$failed"
    exit 1
fi
