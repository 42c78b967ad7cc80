#!/usr/bin/env bash
# Install subremover into a virtual environment, draw a short film with burned-in subtitles, remove them, and
# show one frame before and after. Can be run again and from anywhere; all it makes is in the folder quickstart/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }

python=$(examples/find_python.sh)
bin=quickstart/venv/bin

step "1/4 install the pinned packages into quickstart/venv, with $("$python" --version)"
$bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear quickstart/venv
$bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[examples]'

step "2/4 draw a film with subtitles: quickstart/sample/subbed.mp4"
$bin/python examples/benchmarks/make_sample.py quickstart/sample --size 640x360 --seconds 4 --event-seconds 1.2 \
    --styles white,yellow,box

step "3/4 subremover quickstart/sample/subbed.mp4 -o quickstart/clean.mp4"
rm -f quickstart/clean.mp4
$bin/subremover quickstart/sample/subbed.mp4 -o quickstart/clean.mp4

step "4/4 draw a frame before and after: quickstart/before_after.png"
$bin/python examples/benchmarks/before_after.py quickstart/sample/subbed.mp4 quickstart/clean.mp4 \
    quickstart/before_after.png --seconds 1

step "done after $SECONDS s: see quickstart/clean.mp4 and quickstart/before_after.png"
