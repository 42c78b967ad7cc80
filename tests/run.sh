#!/usr/bin/env bash
# Everything that a change must pass, in an environment of its own (.venv-tests, kept while its inputs are).
# --all, as the first argument: the slow tests too, and then what shows that nothing is lost (see README.md).
# Other arguments go to pytest: tests/run.sh -k sample
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export OMP_NUM_THREADS=1 # pictures this small only wait for a second thread; tests have two processes

step() { printf '\n== %s\n' "$*"; }

all=
if [[ "${1-}" == --all ]]; then
    all=1
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

step "mypy"
$bin/mypy

step "pytest"
$bin/pytest -n 2 ${all:+-m ''} "$@"

if [[ $all ]]; then
    made=$(mktemp -d)
    for show in fidelity splice_check kill_and_resume "fuzz --count 1000" bench_memory; do
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
