import numpy as np
import pytest

from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.grouping.constraints import Constraints, read_constraints

CLASSES = ("Body_Arm", "Body_Leg", "Hair_Comb", "Hair_Dye", "other")


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "constraints.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_constraints(str(path))

    return read_text


def pairs(apart):
    return {tuple(CLASSES[label] for label in pair) for pair in np.argwhere(np.triu(apart))}


def test_no_file_is_no_constraint():
    assert read_constraints("") == Constraints()
    assert not read_constraints("").apart(CLASSES).any()


def test_no_two_of_a_list_come_together(read):
    apart = read("keep_apart:\n- [other, Body_Arm, Hair_Dye]\n- [Body_Arm, Body_Leg]\n").apart(CLASSES)
    assert (apart == apart.T).all()
    wanted = {("Body_Arm", "Hair_Dye"), ("Body_Arm", "other"), ("Hair_Dye", "other"), ("Body_Arm", "Body_Leg")}
    assert pairs(apart) == wanted


def test_families_are_in_the_names(read):
    apart = read("within_family: true").apart(CLASSES)
    assert not {("Body_Arm", "Body_Leg"), ("Hair_Comb", "Hair_Dye")} & pairs(apart)
    assert len(pairs(apart)) == 8
    assert not read("within_family: false").apart(CLASSES).any()


def test_families_of_ones_own_leave_the_others_alone(read):
    constraints = read(
        "families: {tools: [Hair_Comb, other], Body_Leg: [Hair_Dye]}\nkeep_apart: [[Hair_Comb, Hair_Dye]]"
    )
    assert ("Hair_Comb", "other") not in pairs(constraints.apart(CLASSES))
    assert len(pairs(constraints.apart(CLASSES))) == 9
    assert constraints.alone(CLASSES) == ["Body_Arm", "Body_Leg"]
    assert Constraints().alone(CLASSES) == []


@pytest.mark.parametrize(
    "text", ["keep_apart: [[Body_Arm, Hair_Com]]", "families: {hair: [Hair_Com]}\nkeep_apart: [[other, Body_Leg]]"]
)
def test_an_unknown_class_is_an_error_with_the_nearest_name(read, text):
    with pytest.raises(DataError, match=r"1 classes that the model doesn't have: 'Hair_Com'. Did you mean 'Hair_Comb'"):
        read(text).apart(CLASSES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no mapping; expected keep_apart"),
        ("[a, b]", "is no mapping"),
        ("keep_appart: [[a, b]]", r"unknown key keep_appart. Did you mean 'keep_apart'"),
        ("1: [[a, b]]", "unknown key 1"),
        ("keep_apart: [a, b]", r"keep_apart.0: input should be a valid list, got 'a'"),
        ("keep_apart: [[a]]", r"keep_apart.0: list should have at least 2 items"),
        ("keep_apart: [[a, 1]]", r"keep_apart.0.1: input should be a valid string, got 1"),
        ("keep_apart: [[a, b, a]]", "'a' can't be kept apart from itself"),
        ("within_family: 1", "within_family: input should be a valid boolean, got 1"),
        ("within_family: 'true'", "within_family: input should be a valid boolean"),
        ("families: {one: []}", r"families.one: list should have at least 1 item"),
        ("families: {one: [a], two: [b, a]}", "'a' stands there twice; expected each class in one family at most"),
        ("families: {one: [a], one: [b]}", "the key 'one' stands there twice"),
        ("families: {one: [a]}\nwithin_family: true", "both say what the families are; give one of them"),
        ("families: {one: [a]}\nwithin_family: false", "give one of them"),
        ("keep_apart: [[a, b", "is no YAML file of keep_apart"),
        ("keep_apart: !!python/object/apply:os.system [id]", "is no YAML file"),
        (b"\xff\xfe\x00", "is no YAML file"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_so(read, text, message):
    with pytest.raises(DataError, match=message):
        read(text)


def test_a_file_that_is_not_there():
    with pytest.raises(DataError, match=r"constraints' file '/nowhere.yaml' can't be read"):
        read_constraints("/nowhere.yaml")
