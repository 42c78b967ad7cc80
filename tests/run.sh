#!/usr/bin/env bash
# Everything that a change must pass, in an environment of its own (.venv-tests, kept while its inputs are).
# The first argument may be
#   --fast: what answers within a minute: ruff, mypy and the tests of parts that are quick to test;
#   --all: the slow tests too, and then what shows that nothing is lost (see README.md).
# Other arguments go to pytest: tests/run.sh -k sample
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export OMP_NUM_THREADS=1 # pictures this small only wait for a second thread; tests have two processes

# Measured one by one, each at most 8 s on one core; tests of whole runs are elsewhere.
QUICK=(
    test_geometry.py test_memory.py test_options.py test_parsing.py test_provenance.py
    plan runtime motion detect/masking detect/classify
    video/bitstream video/container video/encode video/pixels video/text
)

step() { printf '\n== %s\n' "$*"; }

scope=
if [[ "${1-}" == --all || "${1-}" == --fast ]]; then
    scope=$1
    shift
fi

python=$(examples/find_python.sh)
bin=.venv-tests/bin
inputs=$(cat constraints.txt pyproject.toml <("$python" --version) | cksum)

if [[ "$(cat .venv-tests/inputs 2>/dev/null)" != "$inputs" ]]; then
    step "install the pinned packages into .venv-tests, with $("$python" --version)"
    "$python" -m venv --clear .venv-tests
    $bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
    echo "$inputs" >.venv-tests/inputs
fi

step "ruff check"
$bin/ruff check .

step "ruff format"
$bin/ruff format --check .

step "mypy"
$bin/mypy

if [[ $scope == --fast ]]; then
    step "pytest, the quick ones"
    $bin/pytest -n 2 --dist loadgroup "${QUICK[@]/#/tests/}" "$@"
    step "passed after $SECONDS s; tests/run.sh runs the rest as well"
    exit
fi

step "pytest"
if [[ $scope == --all ]]; then
    set -- -m '' "$@"
fi
$bin/pytest -n 2 --dist loadgroup "$@"

step "wheel"
tests/wheel.sh

if [[ $scope == --all ]]; then
    made=$(mktemp -d)
    for show in fidelity splice_check kill_and_resume kill_cluster "share_folder --films 40" "fuzz --count 1000" \
        bench_memory; do
        read -r name options <<<"$show"
        step "examples/benchmarks/$name.py"
        # shellcheck disable=SC2086  # options are words
        if ! $bin/python "examples/benchmarks/$name.py" "$made/$name" $options; then
            step "examples/benchmarks/$name.py failed; what it made is in $made/$name"
            exit 1
        fi
        rm -rf "${made:?}/$name"
    done
    rmdir "$made"
fi

step "all passed after $SECONDS s"
