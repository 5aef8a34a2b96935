#!/usr/bin/env bash
# Prepares everything, then runs linters, types and all tests. Options go to pytest: tests/run.sh -k intake
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

finish() {
    local code=$?
    if [[ $code == 0 ]]; then echo "ALL PASSED in $SECONDS s"; else echo "FAILED: $step (after $SECONDS s)"; fi
}
trap finish EXIT

run() { # TITLE COMMAND...
    step=$1
    shift
    echo "== $step"
    "$@"
}

step="start"
run "preparation" ./spark-submit.sh setup --dev
run "ruff check" .venv/bin/ruff check .
run "ruff format" .venv/bin/ruff format --check .
run "mypy" .venv/bin/mypy
run "shellcheck" .venv/bin/shellcheck spark-submit.sh tests/run.sh .ci/run
if [[ $# == 0 ]]; then set -- tests/unit tests/integration; fi # in this order: the quick ones first
run "tests" .venv/bin/pytest "$@"
