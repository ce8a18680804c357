# Thin: CMake with presets does the work (see CMakePresets.json).  Each target first installs what it
# misses, which is quick when nothing is missing.

STRATEGY ?= v4
PRESETS_TESTED := release asan tsan
BENCH ?= -s all --profile ci --strategy v1,v2,v3,v4 --report
JOBS ?= $(shell nproc)

.DEFAULT_GOAL := build
.PHONY: run bench build dev check-fast test test-nightly fuzz check clean setup install package help

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: build ## Builds, then serves on 127.0.0.1:8000; STRATEGY=v1 to v4 (v4)
	build/flashsale --strategy $(STRATEGY)

# When it ends with an error make says the comparison's exit code: 98 accuracy violated, 99 threshold
# crossed, 3 invalid, 1 something could not be run.
bench: build ## Loads v1 to v4 with the same scenarios and writes a report; BENCH="..." for other arguments
	build/flashsale bench run $(BENCH)

build: setup ## Builds build/flashsale and build/strategies/*.so; what plain "make" does
	@scripts/build.sh release

dev: setup ## Builds without optimisation, with debug information, into build-dev
	@scripts/build.sh dev

check-fast: build ## Runs the unit and lint tests that start no Redis, under 60 s
	@ctest --preset release -L '^(unit|lint|fast)$$' -LE '^redis$$' -j "$$((2 * $(JOBS)))"

test: setup ## Runs every test that CI runs: release, ASan + UBSan, TSan; builds dev
	@scripts/test.sh $(PRESETS_TESTED)

test-nightly: setup ## Runs the same tests with the long counts
	@FS_PROFILE=nightly scripts/test.sh $(PRESETS_TESTED)

fuzz: ## Runs libFuzzer on each target of tests/fuzz: 20 s each, nightly 10 minutes
	@scripts/setup.sh build test fuzz
	@scripts/test.sh fuzz

check: ## Reads the code: format, clang-tidy, cppcheck, lint, Dockerfile, manifests, workflows
	@scripts/setup.sh build test check
	@scripts/check.sh

setup: ## Installs the Debian packages that building and testing need
	@scripts/setup.sh build test

install: build ## Installs under the prefix of the build folder (/usr/local)
	@cmake --install build

package: build ## Makes a Debian package, build/flashsale_*.deb
	@cpack -G DEB --config build/CPackConfig.cmake -B build

clean: ## Removes the build folders
	rm -rf build build-dev build-asan build-tsan build-fuzz build-check
