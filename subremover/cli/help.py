"""How `--help` looks: options under headings, in the order of their declaration, texts in one column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

NAMES_WIDTH = 24
"""Characters; an option with a longer name has its text on the next line."""


OWN_GROUP = "What to say"


class _GroupedOption(click.Option):
    """An option that stands under a heading."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """Prints its options by group; those that click adds stand under `OWN_GROUP`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                group = getattr(parameter, "group", OWN_GROUP)
                names, text = record
                groups.setdefault(group, []).append((names.ljust(NAMES_WIDTH), text))
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records, col_max=NAMES_WIDTH)


def option(group: str, *names: str, **kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an option of a command, as `click.option` does, under a heading of its help."""
    return click.option(*names, cls=_GroupedOption, group=group, **kwargs)
