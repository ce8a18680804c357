# Thin: CMake with presets does the work (see CMakePresets.json).  Each target first installs what it
# misses, which is quick when nothing is missing.

STRATEGY ?= v4
PRESETS_TESTED := release asan tsan
BENCH ?= -s all --profile ci --strategy v1,v2,v3,v4 --report
JOBS ?= $(shell nproc)

.PHONY: run bench build test test-nightly fuzz check clean setup install package

run: build
	build/flashsale --strategy $(STRATEGY)

# When it ends with an error make says the comparison's exit code: 98 accuracy violated, 99 threshold
# crossed, 3 invalid, 1 something could not be run.
bench: build
	build/flashsale bench run $(BENCH)

build: setup
	@scripts/build.sh release

test: setup
	@scripts/test.sh $(PRESETS_TESTED)

test-nightly: setup
	@FS_PROFILE=nightly scripts/test.sh $(PRESETS_TESTED)

# libFuzzer on each target of tests/fuzz: 20 s each, with FS_PROFILE=nightly 10 minutes.
fuzz:
	@scripts/setup.sh build test fuzz
	@scripts/test.sh fuzz

check:
	@scripts/setup.sh build test check
	@scripts/check.sh

setup:
	@scripts/setup.sh build test

install: build
	@cmake --install build

# A Debian package: build/flashsale_*.deb
package: build
	@cpack -G DEB --config build/CPackConfig.cmake -B build

clean:
	rm -rf build build-dev build-asan build-tsan build-fuzz build-check
