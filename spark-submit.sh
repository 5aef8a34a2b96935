#!/usr/bin/env bash
# Prepares this machine once, then runs the demo or submits a job of jobs/ to Spark.
#
#   ./spark-submit.sh [--yes] [demo] [--exit-after SECONDS] [--patients N] ...   the whole system on this machine
#   ./spark-submit.sh [--yes] [--conf KEY=VALUE]... stream [--available-now]     the streaming job
#   ./spark-submit.sh [--yes] [--conf KEY=VALUE]... retrain                      train a model and publish it
#   ./spark-submit.sh [--yes] [--conf KEY=VALUE]... generate [--source archive]  write training data to a file
#   ./spark-submit.sh [--yes] [--conf KEY=VALUE]... JOB [OPTION]...              any other jobs/JOB.py
#   ./spark-submit.sh [--yes] pack [--output DIR] [--python PATH]                pack what a cluster's executors need
#   ./spark-submit.sh [--yes] [--conf KEY=VALUE]... --packed DIR JOB ...         submit with what was packed in DIR
#   ./spark-submit.sh [--yes] setup [--dev]                                      prepare only (--dev: with the test tools)
#
# --yes (or CI=true) lets it install a missing Java or Python with apt, dnf or brew. Settings: see README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly VENV_PYTHON=.venv/bin/python
readonly JAVA_VERSIONS="17 21"
# Where a Java may live beside JAVA_HOME and the PATH; a test sets these to see a machine without one.
JVM_DIRS=${JVM_DIRS-"/usr/lib/jvm /opt/homebrew/opt /usr/local/opt /opt/java"}
JAVA_HOME_TOOL=${JAVA_HOME_TOOL-/usr/libexec/java_home}

fail() { # MESSAGE [EXIT_CODE]
    echo "error: $1" >&2
    exit "${2:-1}"
}

usage() { sed -n '2,/^set -/p' "$0" | sed -n 's/^# \{0,1\}//p'; }

# Every file directly in jobs/ is a job; what jobs are made of is in the folders below.
jobs() { find jobs -maxdepth 1 -name '[a-z]*.py' | sed 's|.*/||; s|\.py$||' | sort | tr '\n' ' '; }

java_fits() { # PATH_OF_JAVA
    local version
    version=$("$1" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1) || return 1
    [[ -n "$version" && " $JAVA_VERSIONS " == *" $version "* ]]
}

java_candidates() {
    if [[ -n "${JAVA_HOME:-}" ]]; then echo "$JAVA_HOME/bin/java"; fi
    command -v java || true
    local version dir
    for version in $JAVA_VERSIONS; do
        if [[ -x "$JAVA_HOME_TOOL" ]]; then echo "$("$JAVA_HOME_TOOL" -v "$version" 2>/dev/null)/bin/java"; fi
    done
    for dir in $JVM_DIRS; do
        find -L "$dir" -maxdepth 3 -path '*/bin/java' 2>/dev/null || true
    done
}

find_java() {
    local candidate
    while read -r candidate; do
        if [[ -x "$candidate" ]] && java_fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done < <(java_candidates)
    return 1
}

python_fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-$VENV_PYTHON python3 python3.13 python3.12 python3.11 python3.14}; do
        if python_fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# The one command that brings what is missing (java, python, venv); empty on an unknown system.
install_command() { # WHAT [VERSION]
    local system="" manager
    for manager in apt-get dnf brew; do
        if [[ -z "$system" ]] && command -v "$manager" >/dev/null; then system=$manager; fi
    done
    case "$system $1" in
        "apt-get java") echo "apt-get update && { apt-get install -y openjdk-21-jre-headless || apt-get install -y openjdk-17-jre-headless; }" ;;
        "apt-get python") echo "apt-get update && apt-get install -y python3 python3-venv" ;;
        "apt-get venv") echo "apt-get update && apt-get install -y python$2-venv" ;;
        "dnf java") echo "dnf install -y java-21-openjdk-headless || dnf install -y java-17-openjdk-headless" ;;
        "dnf python" | "dnf venv") echo "dnf install -y python3.12" ;;
        "brew java") echo "brew install openjdk@21" ;;
        "brew python" | "brew venv") echo "brew install python@3.13" ;;
    esac
}

# Runs the install command where that is allowed, else prints it and ends.
install() { # WHAT NAME_FOR_PEOPLE [VERSION]
    local command root
    root=(sudo)
    command=$(install_command "$1" "${3:-}")
    [[ -n "$command" ]] || fail "$2 is missing and this system has neither apt, dnf nor brew. Install it and start again."
    if [[ "$command" == brew* || "$(id -u)" == 0 ]]; then root=(env); fi
    if [[ "$yes" == true ]] && { [[ "${root[0]}" == env ]] || sudo -n true 2>/dev/null; }; then
        echo "Installing $2: $command"
        mkdir -p .local/logs
        "${root[@]}" sh -c "$command" >>.local/logs/setup.log 2>&1 </dev/null \
            || fail "$2 could not be installed. The whole output is in .local/logs/setup.log."
    elif [[ "${root[0]}" == env ]]; then
        fail "$2 is missing. Install it with: $command"
    else
        fail "$2 is missing. Install it with: sudo sh -c '$command'"
    fi
}

prepare() { # [--dev]
    local python java
    [[ -z "${PYTHON:-}" ]] || python_fits "$PYTHON" || fail "PYTHON=$PYTHON cannot be run or is older than 3.11."
    python=$(find_python) || { install python "Python 3.11 or newer" && python=$(find_python); } ||
        fail "This system's Python is older than 3.11. Install Python 3.11 or newer and set PYTHON to it."
    has_venv "$python" || install venv "Python's venv module" "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    java=$(find_java) || { install java "Java 17 or 21" && java=$(find_java); } ||
        fail "Java 17 or 21 was installed but is not found. Set JAVA_HOME to it."
    export JAVA_HOME=${java%/bin/java}
    "$python" -m deploy.submit.prepare --java "$java" "$@"
}

run_job() { # [--conf KEY=VALUE | --packed DIR | --deploy-mode MODE]... JOB [OPTION]...
    local word job="" previous=""
    for word in "$@"; do
        if [[ "$previous" != --* && "$word" != --* ]]; then job=$word && break; fi
        previous=$word
    done
    [[ " $(jobs)" == *" $job "* ]] || fail "Unknown job '$job'. There are: demo setup pack $(jobs)" 2
    prepare
    exec "$VENV_PYTHON" -m deploy.submit "$@"
}

yes=${CI:-false}
if [[ "${1:-}" == --yes ]]; then yes=true && shift; fi
case "${1:-demo}" in
    -h | --help) usage ;;
    setup)
        shift
        prepare "$@"
        ;;
    pack)
        shift
        prepare
        exec "$VENV_PYTHON" -m deploy.pack "$@"
        ;;
    --conf | --packed | --deploy-mode) run_job "$@" ;;
    demo | -*)
        prepare
        exec "$VENV_PYTHON" -m demo "$@"
        ;;
    *) run_job "$@" ;;
esac
