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
    tags = [getattr(names, name) for name in vars(names) if name.isupper() and isinstance(getattr(names, name), str)]
    assert len(tags) == len(set(tags))
