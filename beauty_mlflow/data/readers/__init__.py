"""What pictures there are, whatever the layout. A new layout is a new file here and a name in ``READERS``."""

from beauty_mlflow.data.readers import class_folders, split_folders, tables
from beauty_mlflow.data.readers.listing import Listing, Reader
from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.errors import DataError

__all__ = ["READERS", "Listing", "Reader", "list_pictures"]

READERS: tuple[Reader, ...] = (tables.READER, split_folders.READER, class_folders.READER)


def list_pictures(data: Location) -> Listing:
    """List the pictures of a folder of class folders, a split folder, or a table.

    The first reader that recognizes the data reads it.

    Raises:
        DataError: the path doesn't exist, or isn't what any reader reads.
    """
    if not data.exists():
        raise DataError(
            f"'{data}' doesn't exist; expected a folder of class folders, a split folder, a table or a manifest"
        )
    for reader in READERS:
        if reader.recognizes(data):
            return reader.read(data)
    raise DataError(f"'{data}' is neither a folder nor a file; expected a folder of class folders or a CSV table")
