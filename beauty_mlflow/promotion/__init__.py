"""Two prediction tables and a gate in, a verdict out. Pure: nothing here reads, writes or knows a tracker."""
