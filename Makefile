# The commands of README.md, for a bare Debian 12 or 13 with git and make; it says what was tried where.
# ARGS goes to the program behind a target: make run ARGS="--http-addr 127.0.0.1:6001".

SHELL := /bin/bash
RELEASE := build/release/bin/jindou
DATA ?= ./data
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run chat build packages deb dist test demo bench sizes check format clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | column -t -s $$'\t' 2>/dev/null \
	  || sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1: \2/p' Makefile

run: build ## build, start the server with its data in ./data, print a line to try
	@exec scripts/run.sh $(RELEASE) --data-dir $(DATA) $(ARGS)

chat: ## as run, with the chat page, for which it installs Node and npm
	@scripts/setup-debian.sh chat
	@$(MAKE) --no-print-directory run

build: ## install what is missing, build the release binary
	@scripts/setup-debian.sh run
	@cmake --preset release --log-level=WARNING
	@cmake --build build/release --target jindou -j $$(scripts/jobs.sh)

packages: build ## the Debian packages that the binary needs on another machine
	@scripts/runtime_packages.sh $(RELEASE)

deb: ## a Debian package of the server with its systemd unit, in build/deb
	@scripts/setup-debian.sh deb
	@scripts/build_deb.sh $(ARGS)

dist: build ## an archive with all libraries but the C library, in build/dist
	@scripts/setup-debian.sh dist
	@scripts/build_dist.sh build/release

test: ## every test: checks, unit, end to end, crash, fuzz, sanitizers
	@scripts/setup-debian.sh test
	@scripts/setup-debian.sh check
	@python3 scripts/run_tests.py $(ARGS)

demo: build ## real clients, two groups, one batch; exit 0 when every message arrived in order
	@scripts/setup-debian.sh test
	@tests/demo/run.sh $(RELEASE) $(ARGS)

bench: build ## the benchmark against the disk and the bare store
	@$(RELEASE) bench $(ARGS)

sizes: build ## how big a machine: what sessions, channels, messages take, as a table
	@scripts/setup-debian.sh test
	@tests/sizes/run.sh $(RELEASE) $(ARGS)

check: ## format, layers, words, documents, locks, commits, clang-tidy
	@scripts/setup-debian.sh check
	@scripts/check.sh $(ARGS)

format: ## lay out all sources with clang-format
	@scripts/setup-debian.sh check
	@format=$$(scripts/clang_tool.sh clang-format exactly) && \
	  find src tests cmake -name node_modules -prune -o \( -name '*.cc' -o -name '*.h' \) -print0 \
	  | xargs -0 "$$format" -i

clean: ## remove build products; data stays
	@rm -rf build
