"""`python -m subremover.page`."""

from subremover.page.command import main

if __name__ == "__main__":
    main()
