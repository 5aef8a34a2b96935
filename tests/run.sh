#!/usr/bin/env bash
# Prepares everything, then runs linters, types and all tests. Options go to pytest: tests/run.sh -k intake
# tests/run.sh containers: instead of the others, those that run the whole system on a container engine (root, 12 GB).
# tests/run.sh kubernetes: instead of the others, those on an API server of Kubernetes, which is built the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

finish() {
    local code=$?
    if [[ -n "$note" ]]; then echo "NOTE: $note"; fi
    if [[ -z "${BP_TEST_CONTAINERS:-}" ]]; then
        echo "NOTE: The tests on a container engine did not run; they take an hour: tests/run.sh containers"
    fi
    if [[ -z "${BP_TEST_KUBERNETES:-}" ]]; then
        echo "NOTE: The tests on an API server of Kubernetes did not run; it must be built once: tests/run.sh kubernetes"
    fi
    if [[ $code == 0 ]]; then echo "ALL PASSED in $SECONDS s"; else echo "FAILED: $step (after $SECONDS s)"; fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

run() { # TITLE COMMAND...
    step=$1
    shift
    echo "== $step"
    "$@"
}

has_chromium() { .venv/bin/python -m tests.browser.chromium; }

# Brings a Chromium where there is none; without one the browser tests are skipped, and the end says so.
prepare_chromium() {
    if has_chromium; then return; fi
    if [[ "${CI:-false}" == true && "$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then
        { apt-get update && apt-get install -y chromium; } || echo "apt-get could not install chromium"
    fi
    if has_chromium; then return; fi
    .venv/bin/playwright install chromium || echo "playwright could not install its chromium"
    has_chromium || note="The browser tests did not run: $(has_chromium || true)"
}

# Two where this machine has the memory for two sets of services, each of up to 6 GB with its jobs.
processes() { .venv/bin/python -c 'import os; print(2 if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") > 15e9 else 1)'; }

note=""
step="start"
run "preparation" ./spark-submit.sh setup --dev
run "ruff check" .venv/bin/ruff check .
run "ruff format" .venv/bin/ruff format --check .
run "mypy" .venv/bin/mypy
run "shellcheck" .venv/bin/shellcheck spark-submit.sh tests/run.sh .ci/run tests/containers/engine.sh \
    tests/containers/standins/make.sh tests/containers/standins/*/*.sh tests/containers/standins/kafka/docker/run
if [[ "${1:-}" == containers ]]; then
    export BP_TEST_CONTAINERS=1
    set -- tests/containers "${@:2}"
elif [[ "${1:-}" == kubernetes ]]; then
    export BP_TEST_KUBERNETES=1
    set -- tests/kubernetes "${@:2}"
else
    run "chromium" prepare_chromium
fi
if [[ $# == 0 ]]; then # the quick ones first; then what needs services, each process with services of its own
    # The fuzz is the longest: it comes first, and a process that has nothing left takes over from another.
    run "unit tests" .venv/bin/pytest --numprocesses auto --dist worksteal tests/fuzz tests/unit
    # Whole files, the long ones first (tests/conftest.py).
    set -- --numprocesses "$(processes)" --dist loadfile --no-loadscope-reorder --durations 25 tests/browser tests/integration
fi
run "tests" .venv/bin/pytest "$@"
