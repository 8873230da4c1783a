from beauty_mlflow.serving.versions import find_model_version


def test_the_registered_version_else_the_logged_models_id_else_nothing(package):
    assert find_model_version(package) == ""
    (package.parent / "MLmodel").write_text("model_id: m-123\nflavors: {}\n")
    assert find_model_version(package) == "m-123"
    (package.parent / "registered_model_meta").write_text("model_name: beauty\nmodel_version: '4'\n")
    assert find_model_version(package) == "beauty/4"


def test_a_model_fetched_by_its_id_is_called_by_it(package):
    """MLflow leaves its note beside such a model too, with nothing in it."""
    (package.parent / "MLmodel").write_text("model_id: m-123\nflavors: {}\n")
    (package.parent / "registered_model_meta").write_text("model_name: null\nmodel_version: null\n")
    assert find_model_version(package) == "m-123"
