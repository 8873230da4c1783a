from re import Match

import pandas as pd

from beauty_mlflow.data.splits.options import SplitOptions
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError, ParameterError

_OWN_COLUMNS = ("path", "class", "part")


def products(table: pd.DataFrame, options: SplitOptions) -> list[str]:
    """Return the product that each picture shows, as ``group_by`` says; empty without ``group_by``.

    A product is the same whatever its class. A picture without one is an error: it could be any product's.

    Raises:
        DataError: some pictures have no product.
        ParameterError: ``group_by`` is neither another column of the table nor a regular expression.
    """
    if not options.group_by:
        return [""] * len(table)
    if options.group_by in _OWN_COLUMNS:
        raise ParameterError(
            f"group_by is '{options.group_by}', which names no product; expected another column or a regular expression"
        )
    if options.group_by in table:
        found, kind = table[options.group_by].to_list(), "column"
    else:
        pattern = options.product_pattern()
        found, kind = [_product(pattern.search(path)) for path in table["path"]], "regular expression"
    nameless = [path for path, product in zip(table["path"], found, strict=True) if not product]
    if nameless:
        columns = [name for name in table if name not in _OWN_COLUMNS]
        raise DataError(
            f"group_by='{options.group_by}' (a {kind}) gives no product for {len(nameless)} of {len(table)} "
            f"pictures: {name_some(nameless)}. Every picture needs one."
            + (f" The table's other columns: {', '.join(map(str, columns))}." if columns else "")
        )
    return found


def _product(match: Match[str] | None) -> str:
    if match is None:
        return ""
    return str(match.group(1) or "") if match.re.groups else match.group()
