import json
import re

from beauty_mlflow import interactive


def test_what_is_drawn_is_json_that_no_name_in_it_can_end():
    """A figure is read back as it was, whatever its lines are called."""
    from plotly.graph_objects import Figure, Scatter

    name = "</script><script>alert(1)</script><!--&amp;"
    text = interactive.element(Figure(Scatter(x=[1, 2], y=[3, None], name=name)))
    assert re.findall(r"<[^>]*>", text) == [
        '<div class="plotly-graph-div">',
        "</div>",
        '<script type="application/json">',
        "</script>",
    ]
    (line,) = json.loads(re.search(r"json\">(.*)</script>", text)[1])["data"]
    assert (line["name"], line["y"]) == (name, [3, None])


def test_the_script_ends_no_element():
    assert not re.search(r"</script|<!--", interactive.script(), re.IGNORECASE)
