def test_mlflow_reports_nothing_of_its_use(python):
    """Its telemetry changes the environment from a thread, which now and then breaks a request that reads it."""
    assert (
        python("""
        import beauty_mlflow.tracking.store
        from mlflow.telemetry.client import get_telemetry_client
        print(get_telemetry_client())
    """)
        == "None"
    )


def test_a_user_may_want_it(python, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    assert python("import beauty_mlflow.tracking, os; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])") == "false"
