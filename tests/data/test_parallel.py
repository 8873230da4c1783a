import threading
from itertools import islice

import pytest

from beauty_mlflow.data.parallel import map_threads, one_ahead


def test_results_come_in_the_order_of_the_items():
    assert list(map_threads(lambda item: item * 2, range(1000))) == list(range(0, 2000, 2))


def test_only_so_many_items_are_worked_on_ahead():
    """However many items there are, what nobody has taken yet stays small."""
    begun = []
    results = map_threads(begun.append, range(1_000_000))
    list(islice(results, 10))
    results.close()
    assert len(begun) < 50_000


def test_an_error_comes_out_and_ends_the_threads():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="by zero"):
        list(map_threads(lambda item: 1 // (500 - item), range(1_000_000)))
    assert threading.active_count() == before


def test_the_next_item_is_made_while_the_last_is_used():
    """When the caller has the first item, a thread comes to the second without being asked for it."""
    made = [threading.Event() for _ in range(3)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    seen = []
    for item in one_ahead(items()):
        seen.append(item)
        assert made[min(item + 1, 2)].wait(10)
    assert seen == [0, 1, 2]


def test_an_error_ahead_comes_out_in_its_turn():
    """What was made before it is still given."""

    def items():
        yield 1
        raise ValueError("broken")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)
