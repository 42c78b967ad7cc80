#!/usr/bin/env bash
# Everything that a change must pass, in an environment of its own (.venv-tests, kept while its inputs are).
# Arguments go to pytest: tests/run.sh -k sample
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }

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
$bin/pytest "$@"

step "all passed after $SECONDS s"
