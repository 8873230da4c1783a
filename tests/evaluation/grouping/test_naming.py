from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.evaluation.grouping.naming import LONGEST, name_groups

PIECES = st.text(st.sampled_from("ab_+ \n…") | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def named(*members, classes=()):
    (name,) = name_groups([members], {*members, *classes})
    return name


def test_the_family_stands_once():
    assert named("Body_Arm", "Body_Leg") == "Body_Arm+Leg"
    assert named("Body_Arm", "Hair_Comb") == "Body_Arm+Hair_Comb"
    assert named("apples", "pears") == "apples+pears"


def test_what_there_is_no_room_for_is_counted():
    name = named(*(f"Symbols_Sign{number}" for number in range(9)))
    assert name == "Symbols_Sign0+Sign1+Sign2+Sign3+Sign4+Sign5+Sign6+Sign7+1_more"
    assert named("x" * 90, "y") == "x" * (LONGEST - 1) + "…+1_more"


def test_no_group_is_called_like_a_class_or_another_group():
    assert named("a", "b", classes=["a+b"]) == "a+b_group2"
    assert named("a", "b", classes=["a+b", "a+b_group2"]) == "a+b_group3"
    first, second = name_groups([["a", "b+c"], ["a+b", "c"]], ["a", "b", "c"])
    assert (first, second) == ("a+b+c", "a+b+c_group2")


@given(st.lists(PIECES, min_size=2, max_size=12, unique=True), st.data())
def test_every_name_is_one_of_its_own_on_one_line(classes, data):
    cut = data.draw(st.integers(2, len(classes)))
    groups = [group for group in (classes[:cut], classes[cut:]) if len(group) > 1]
    names = name_groups(groups, classes)
    assert list(names.values()) == groups
    assert not set(names) & set(classes)
    for name in names:
        assert name.strip()
        assert len(name.splitlines()) == 1
        assert len(name) <= LONGEST + 20
    assert names == name_groups(groups, classes)
