"""Where tables were written before the data room needed them too."""

from beauty_mlflow.data.safe_tables import Cell, exact, read_table, write_table

__all__ = ["Cell", "exact", "read_table", "write_table"]
