"""How `--help` looks: options under headings, in the order of their declaration, texts in one column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from subremover.cli.progress_bar import print_out

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

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Click's own, but for what it does where the help cannot be printed."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.callback = _print_help
        return found

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


def _print_help(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        print_out(context.get_help())
        context.exit()


def option(group: str, *names: str, **kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an option of a command, as `click.option` does, under a heading of its help."""
    return click.option(*names, cls=_GroupedOption, group=group, **kwargs)
