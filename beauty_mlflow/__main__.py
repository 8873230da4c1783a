import sys

from beauty_mlflow.errors import missing_package

if __name__ == "__main__":
    try:
        from beauty_mlflow.cli import main
    except ModuleNotFoundError as error:
        sys.exit(f"error: {missing_package(str(error.name))}")
    main()
