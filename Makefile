# SPDX-License-Identifier: Apache-2.0
# A thin front over CMakePresets.json; the work is done by scripts/. `make help` lists the targets.
SHELL = /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
export FUZZ_SECONDS

.PHONY: help build test demo demo-factory bench fuzz sweep coverage install clean format check-style debug

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

build: ## the program: build/cardkms
	@scripts/bootstrap build
	@scripts/build release

demo-factory: build ## a batch of 5,000 cards by several workers over PostgreSQL, some of them killed
	@scripts/bootstrap demo factory
	@scripts/demo-factory

demo: build ## two sites exchange master keys, narrated
	@scripts/bootstrap demo
	@scripts/demo

test: ## every test, with sanitizers; the last line is the count
	@scripts/bootstrap build test
	@scripts/build sanitize || { echo "0 passed, 1 failed"; exit 1; }
	@scripts/run-tests build-sanitize

debug: ## build-debug/cardkms, for gdb
	@scripts/bootstrap build test
	@scripts/build debug

bench: build ## what things cost, as `name value unit`
	@scripts/bootstrap bench
	@scripts/bench

fuzz: ## every fuzz target for FUZZ_SECONDS (60) each
	@scripts/bootstrap build test fuzz
	@scripts/fuzz

sweep: build ## kill and fault sweeps in full, and every token
	@scripts/bootstrap test
	@scripts/sweep
	@scripts/tokens

coverage: ## lines of src/ that the tests run; at least 85 %
	@scripts/bootstrap build test coverage
	@scripts/coverage

install: build ## into $(DESTDIR)$(PREFIX)
	DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

clean: ## remove every build folder
	rm -rf build build-debug build-sanitize build-fuzz build-coverage build-werror build-clang demo-out demo-factory-out

format: ## clang-format over the sources
	@scripts/bootstrap format
	@scripts/check-style --fix

check-style: ## formatting, file sizes, shell scripts
	@scripts/bootstrap format style
	@scripts/check-style
