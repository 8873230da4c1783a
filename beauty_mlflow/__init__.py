"""Train, compare, search, promote and serve image classifiers with MLflow."""

__version__ = "0.1.0"
