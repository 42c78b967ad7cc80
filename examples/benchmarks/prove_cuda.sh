#!/usr/bin/env bash
# Prove the CUDA path of subremover on a machine with a GPU, in at most 8 minutes: prove_cuda.sh --help says how.
# Needs Python 3.11 or newer with torch; what else is missing can be carried there (--fetch, --wheels).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The first Python that has torch; to fetch wheels any with pip will do.
for name in python3 python python3.12 python3.11; do
    "$name" -c '' 2>/dev/null || continue
    python=${python-$name}
    if "$name" -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("torch"))'; then
        python=$name
        break
    fi
done
PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}" exec "${python?no Python in PATH}" "$here/prove_cuda.py" "$@"
