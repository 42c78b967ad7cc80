"""`python -m subremover` and the `subremover` command."""

import os
import sys

from subremover.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command and leave with its exit code."""
    _open_standard_files()
    try:
        from subremover.cli.command import run
        from subremover.cli.signals import leave_if_signalled
    except KeyboardInterrupt:  # once it runs, it says so itself
        print("subremover: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    try:
        code = run(sys.argv[1:])
    finally:
        leave_if_signalled()
    sys.exit(code)


def _open_standard_files() -> None:
    """Have something where a standard file was closed.

    The next file opened, a film, would get its number, and whatever a library prints would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123, for as long as the process lasts


if __name__ == "__main__":
    main()
