#!/usr/bin/env bash
# Build the sdist and from it the wheel, install the wheel into an environment of its own, and have the installed
# command work on a drawn film from another folder. tests/run.sh calls it, and makes .venv-tests.
#
# Only subremover comes from the wheel: what it needs is taken from .venv-tests, since torch takes minutes to
# install. That its dependencies are declared is asked of pip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=$PWD/.venv-tests/bin/python
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
unset PYTHONPATH

# In a copy, without what earlier builds left: setuptools takes files out of build/ and the list in *.egg-info.
mkdir "$made/source"
tar -c --exclude='./.?*' --exclude=./build --exclude=./dist --exclude=./quickstart --exclude='*.egg-info' . |
    tar -x -C "$made/source"
if ! "$python" -m build --no-isolation --outdir "$made/dist" "$made/source" >"$made/log" 2>&1; then
    cat "$made/log"
    exit 1
fi
wheel=("$made"/dist/*.whl)

# All of the package and the licences are in it, and nothing else.
{
    find subremover -type f ! -path '*/__pycache__/*'
    printf 'licenses/%s\n' LICENSE THIRD_PARTY.md
} | sort >"$made/expected"
"$python" -m zipfile -l "${wheel[0]}" | awk 'NR > 1 { print $1 }' |
    sed -E 's,^subremover-[^/]+/,,' | grep -vxE 'METADATA|WHEEL|RECORD|top_level\.txt|entry_points\.txt' |
    sed -E 's,^subremover-[^/]*\.dist-info/,,' | sort >"$made/found"
if ! diff "$made/expected" "$made/found"; then
    echo "the wheel does not hold what it should: < is missing, > is too much"
    exit 1
fi

# The line in the .pth adds the folder alone: the .pth files in it, so the editable subremover, are not read.
"$python" -m venv --without-pip "$made/venv"
purelib=$("$made/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$purelib/dependencies.pth"
pip=("$python" -m pip --disable-pip-version-check --python "$made/venv")
"${pip[@]}" install --quiet --no-index --no-deps "${wheel[0]}"
"${pip[@]}" check

"$python" examples/benchmarks/make_sample.py "$made/sample" --size 320x180 --seconds 2 \
    --event-seconds 1 --gap-seconds 0.3 --styles white >/dev/null
mkdir "$made/elsewhere"
cd "$made/elsewhere"
run=$made/venv/bin/subremover
"$made/venv/bin/python" - "$made/venv" <<'EOF'
import sys
from pathlib import Path

import subremover

found = Path(subremover.__file__)
assert found.is_relative_to(sys.argv[1]), f"subremover comes from {found}, not from the wheel"
EOF
"$run" --version
"$run" "$made/sample/subbed.mp4" --scan-only --report found.html # reads the models, and the page's templates
"$run" "$made/sample/subbed.mp4" -o clean.mp4 --mask "$made/sample/mask.mkv" --no-borrow --preset fast
"$made/venv/bin/python" - "$made/sample" clean.mp4 <<'EOF'
import sys
from pathlib import Path

import av
import numpy as np


def read(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]


sample = Path(sys.argv[1])
truth, subbed, mask, clean = map(read, (sample / "clean.mp4", sample / "subbed.mp4", sample / "mask.mkv", sys.argv[2]))
assert len(truth) == len(clean), "frames were lost"
hidden = [coverage > 0 for coverage in mask]
before, after = (
    np.mean([np.abs(a - b)[m].mean() for a, b, m in zip(truth, some, hidden) if m.any()]) for some in (subbed, clean)
)
print(f"under the subtitle {before:.0f} levels off the truth before, {after:.0f} after")
assert after < before / 2
EOF
