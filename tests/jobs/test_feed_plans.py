from beauty_mlflow.features.plans import Choice, Plan, Training
from beauty_mlflow.jobs.feed_plans import _with_pooled


def planned(*choices):
    return Plan(
        store=("mixed9", "mixed10"),
        reuse=(),
        new_bytes=1000,
        extract_seconds=1.0,
        views=2,
        choices=tuple(Choice(Training("", limit), boundary, 1.0, 9.0, reason) for limit, boundary, reason in choices),
    )


def test_a_head_reads_pooled_rows_where_anything_is_cached():
    """Rows of the last block would do, but pooled ones are a fraction of their size."""
    chosen = _with_pooled(planned(("mixed9", "mixed9", ""), ("pooled", "mixed10", "would save 0 s")), 7)
    assert [choice.boundary for choice in chosen.choices] == ["mixed9", "pooled"]
    assert chosen.store == ("mixed9", "mixed10", "pooled")
    assert chosen.new_bytes == 1007
    assert not any("would save" in line for line in chosen.lines())


def test_a_plan_without_such_a_head_stays():
    """Nobody trains the head alone, or nothing is cached for it, or it reads pooled rows already."""
    for head in [("mixed8", None, ""), ("pooled", None, "few epochs"), ("pooled", "pooled", "")]:
        chosen = planned(("mixed9", "mixed9", ""), head)
        assert _with_pooled(chosen, 7) == chosen
