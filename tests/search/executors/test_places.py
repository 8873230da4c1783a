from beauty_mlflow.search.executors.places import Places


def test_the_least_busy_of_the_nodes_that_have_something_comes_first():
    """A task that begins again counts where it is now; one that is over counts nowhere."""
    places = Places()
    for task, node in (("a", "north"), ("b", "south"), ("c", "west")):
        places.entered(task, node)
    places.made("a", "small")
    places.made("b", "small")
    places.made("c", "large")
    assert places.having("small") == ["north", "south"]
    places.entered("c", "north")
    assert places.having("small") == ["south", "north"]
    places.left("c")
    places.left("a")
    assert places.having("small") == ["north", "south"]
    assert places.having("large") == ["west"]
    assert places.having("nothing such") == []
