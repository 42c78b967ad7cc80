"""`python -m subremover` and the `subremover` command."""

import sys

from subremover.cli import run


def main() -> None:
    """Run the command and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":  # a spawned worker imports this file too
    main()
