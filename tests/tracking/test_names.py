from beauty_mlflow.tracking import names


def test_the_names_import_nothing_heavy(python):
    """Usage errors and --help read the names without waiting for MLflow."""
    script = """
        import sys
        from beauty_mlflow.tracking import names
        print(sorted({"mlflow", "numpy", "pandas", "tensorflow", "keras"} & set(sys.modules)))
    """
    assert python(script) == "[]"


def test_no_two_tags_share_a_name():
    named = {name: value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    tags = [value for name, value in named.items() if not name.endswith("_FOLDER")]
    assert len(tags) == len(set(tags))
