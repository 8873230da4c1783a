import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation import figures
from beauty_mlflow.evaluation.figures import draw_augmentation, draw_curves, draw_reliability, draw_samples
from beauty_mlflow.evaluation.reliability import bin_by_confidence


@pytest.fixture
def drawn(monkeypatch):
    """Figures in place of files."""
    kept = []
    monkeypatch.setattr(figures, "save_figure", lambda *arguments: kept.append(arguments[0]))
    return kept


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(("classes", "rows"), [(3, 1), (7, 1), (8, 2), (73, 11)])
def test_samples_show_a_picture_a_class_in_seven_columns(make_pictures, tmp_path, classes, rows):
    """Each class's own colour stands in the middle of its cell, and beyond the last class all is white."""
    draw_samples(make_pictures(classes=classes, each=1), tmp_path / "samples.png")
    cells = read(tmp_path / "samples.png").reshape(rows, 230, 7, 200, 3)
    middles = cells[:, 230 - 10 - 90, :, 100].reshape(-1, 3)
    reds = 255 * np.arange(classes) // (classes - 1)
    np.testing.assert_array_equal(middles[:classes], np.stack([reds, np.full(classes, 60), 200 - reds // 2], axis=1))
    assert (middles[classes:] == 255).all()


def test_samples_have_their_classes_names_above_them(drawn, make_pictures, tmp_path):
    """Each name is centred over its picture, one after the other."""
    pictures = make_pictures(classes=9, each=1)
    draw_samples(pictures, tmp_path / "samples.png")
    texts = drawn[0].texts
    assert [text.get_text() for text in texts] == list(pictures.classes)
    places = np.array([text.get_position() for text in texts]) * (1400, 460)
    np.testing.assert_allclose(places, [(100 + 200 * (i % 7), 425 - 230 * (i // 7)) for i in range(9)])


def test_samples_keep_their_proportions(make_pictures, tmp_path):
    """A picture of 40 x 20 gets white above and below, none left and right."""
    draw_samples(make_pictures(classes=2, each=1), tmp_path / "samples.png")
    picture = read(tmp_path / "samples.png")[40:220, 10:190]
    assert (picture[5, 90] == 255).all()
    assert not (picture[90, [0, -1]] == 255).all(axis=1).any()


def test_a_class_without_a_picture_says_so(drawn, make_pictures, tmp_path):
    """The words stand after its name, where the picture would be."""
    draw_samples(make_pictures(classes=3, each=1, empty=(1,)), tmp_path / "samples.png")
    assert [text.get_text() for text in drawn[0].texts] == ["class0", "class1", "no picture", "class2"]
    assert len(drawn[0].images) == 2


def test_hostile_names_are_drawn(make_pictures, tmp_path, hostile_names):
    draw_samples(make_pictures(classes=hostile_names, each=1), tmp_path / "samples.png")
    assert read(tmp_path / "samples.png").std() > 0


def test_nine_views_are_those_of_the_first_nine_epochs(drawn, make_pictures, tmp_path):
    from beauty_mlflow.data.pipeline import batches

    pictures = make_pictures(classes=2, each=1)
    options = {"size": 24, "resize": "pad", "augment": "thesis", "seed": 5}
    draw_augmentation(pictures.select(np.array([1])), **options, path=tmp_path / "a.png")
    shown = [axes.images[0].get_array() for axes in drawn[0].axes]
    assert len(shown) == 9
    for view, picture in enumerate(shown):
        trained = next(iter(batches(pictures, batch_size=2, view=view, **options)))[0][1]
        np.testing.assert_allclose(picture, trained, atol=0.51)
    assert len({picture.tobytes() for picture in shown}) == 9


def test_without_augmentation_the_views_are_alike(drawn, make_pictures, tmp_path):
    pictures = make_pictures(classes=2, each=1)
    draw_augmentation(pictures, augment="none", seed=0, size=24, resize="squash", path=tmp_path / "a.png")
    assert len({axes.images[0].get_array().tobytes() for axes in drawn[0].axes}) == 1


def test_curves_show_training_and_validation_with_the_kept_epoch(drawn, tmp_path):
    history = [
        {"loss": 2.0, "accuracy": 0.1, "val_loss": 2.5, "val_accuracy": 0.2},
        {"loss": 1.0, "accuracy": 0.4, "val_loss": 1.5, "val_accuracy": 0.3},
        {"loss": 0.5, "accuracy": 0.8, "val_loss": 1.9, "val_accuracy": 0.25},
    ]
    draw_curves(history, 2, tmp_path / "curves.png")
    for axes, name in zip(drawn[0].axes, ("loss", "accuracy"), strict=True):
        training, validation, kept = axes.lines
        assert list(training.get_xdata()) == [1, 2, 3]
        assert list(training.get_ydata()) == [epoch[name] for epoch in history]
        assert list(validation.get_ydata()) == [epoch[f"val_{name}"] for epoch in history]
        assert list(kept.get_xdata()) == [2, 2]
        assert [text.get_text() for text in axes.get_legend().texts] == [
            "training",
            "validation",
            "kept: epoch 2",
        ]


def test_curves_of_one_epoch_can_be_seen(tmp_path):
    history = [{"loss": 2.0, "accuracy": 0.1, "val_loss": 2.5, "val_accuracy": 0.2}]
    draw_curves(history, 1, tmp_path / "curves.png")
    blue = (np.abs(read(tmp_path / "curves.png") - np.array([31, 119, 180])) < 8).all(axis=2).sum()
    assert blue > 20


def test_no_epoch_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no epoch to draw"):
        draw_curves([], 1, tmp_path / "curves.png")


def test_reliability_shows_accuracy_and_confidence_of_each_bin_before_and_after(drawn, make_table, tmp_path):
    before, after = make_table(n=80, seed=1), make_table(n=80, seed=2)
    draw_reliability({"before": before, "after, temperature 1.5": after}, tmp_path / "reliability.png")
    (left, right, *below) = drawn[0].axes
    for table, upper, lower in zip((before, after), (left, right), below, strict=True):
        expected = bin_by_confidence(table)
        seen = expected.pictures > 0
        bars = {round(bar.get_x() + bar.get_width() / 2, 6): bar.get_height() for bar in upper.patches}
        middles = (np.arange(15)[seen] + 0.5) / 15
        assert bars == pytest.approx(dict(zip(middles.round(6), expected.accuracy[seen], strict=True)))
        heights = [segment[0, 1] for segment in upper.collections[0].get_segments()]
        assert heights == pytest.approx(expected.confidence[seen].tolist())
        assert [bar.get_height() for bar in lower.patches] == expected.pictures.tolist()
        assert f"{expected.expected_calibration_error:.3f}" in upper.get_title()
    assert "temperature 1.5" in right.get_title()


def test_reliability_of_one_picture_can_be_drawn(make_table, tmp_path):
    draw_reliability({"one": make_table(n=1)}, tmp_path / "reliability.png")
    assert read(tmp_path / "reliability.png").std() > 0
