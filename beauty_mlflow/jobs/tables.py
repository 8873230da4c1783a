"""Tables on a terminal."""

from collections.abc import Sequence

import click


def print_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a line a row below the headings, in columns; nothing where there is no row."""
    if not lines:
        return
    table = [headings, *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
