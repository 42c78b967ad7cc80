#!/usr/bin/env bash
# Print the name of a Python of version 3.11 or newer in PATH that can make environments, or say that there is none.
set -euo pipefail

for name in python3.11 python3.12 python3.13 python3.14 python3 python; do
    # Debian packs ensurepip apart, and pyenv has names for versions that are not chosen.
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$name"
        exit
    fi
done
echo "needs Python 3.11 or newer with venv in PATH, found $(python3 --version 2>/dev/null || echo none);" \
    "install one, e.g. from https://www.python.org or the package python3-venv" >&2
exit 1
