from collections import Counter

import numpy as np
import pytest

from beauty_mlflow.data.decoded import Decoder
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.features.boundaries import trunk_below
from beauty_mlflow.jobs.building import build_finetuned
from beauty_mlflow.jobs.feeding import Feed, class_weights, open_feeds
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.sessions import in_session
from beauty_mlflow.jobs.settings import resolve
from beauty_mlflow.networks.table import get_network

ACTIVATIONS = {"cache": "activations", "precision": "float32"}


@pytest.fixture
def feed_of(local_store, own_cache, slow_trunk, tiny):
    """Make a function that shows what a run reads, and its network, to another one, and returns what that gives."""

    def feed_of(look, **changes):
        found = []

        def work(current):
            settings = resolve(current.parameters)
            model = build_finetuned(current, settings).model
            with open_feeds(current, settings, model) as feeds:
                found.append(look(feeds, model))
            return []

        in_session(Finetune.parse({**tiny, **changes}), "a test", work)
        return found[0]

    return feed_of


def all_of(dataset):
    """One array of each component."""
    return [np.concatenate(parts) for parts in zip(*dataset, strict=True)]


def epochs_of(count):
    return lambda feeds, _: [all_of(feeds.training.train(view)) for view in range(count)]


def test_without_a_cache_pictures_are_decoded_each_time(feed_of, own_cache):
    """The whole network trains, and nothing is written."""
    feed = feed_of(lambda feeds, model: (feeds, model), cache="none")
    assert isinstance(feed[0].training, Feed)
    assert feed[0].training.model is feed[1]
    assert (feed[0].training.source, feed[0].head) == ("pictures", None)
    assert own_cache.stored("pictures") == []


def test_kept_pictures_are_the_same_pictures(feed_of, own_cache):
    """Bit by bit, in each epoch; training and validation pictures are an entry each."""
    fresh = feed_of(epochs_of(2), cache="none")
    kept = feed_of(epochs_of(2), cache="pictures")
    for one, other in zip(fresh, kept, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
    assert len(own_cache.stored("pictures")) == 2


def test_pictures_that_are_read_once_are_not_kept(feed_of, own_cache):
    """One epoch decodes them anyway."""
    feed_of(epochs_of(1), cache="pictures", epochs="1")
    assert own_cache.stored("pictures") == []


def test_pictures_that_do_not_fit_are_not_kept_and_that_is_said(feed_of, own_cache, capsys):
    """With sizes that a reader can compare; training goes on without."""
    feed_of(epochs_of(1), cache="pictures", cache_gb="0.00001")
    words = "decoded pictures aren't kept: they take 73.7 kB, the cache has 10 kB left"
    assert words in capsys.readouterr().err
    assert own_cache.stored("pictures") == []


def test_activations_are_fed_in_the_order_of_the_pictures(feed_of):
    """Cached or not, an epoch has the same pictures in the same order; the tail begins where the trunk ends."""

    def look(feeds, model):
        trunk = trunk_below(model, get_network("tiny"), "conv2")
        return [(all_of(feeds.training.train(view)), trunk, feeds.training.source) for view in range(2)]

    pictures = feed_of(epochs_of(2), cache="none")
    for (images, labels), (fed, trunk, source) in zip(pictures, feed_of(look, **ACTIVATIONS), strict=True):
        wanted = np.asarray(trunk(images, training=False))
        np.testing.assert_allclose(fed[0], wanted, rtol=2e-3, atol=1e-3 * np.ptp(wanted))
        assert np.array_equal(fed[1], labels)
        assert source == "activations at conv2, 2 views"


def test_epochs_take_the_views_in_turn(feed_of):
    """Three views, seven epochs: epoch e has the pictures of view (e - 1) mod 3, in an order of its own."""

    def by_picture(rows):
        return rows[np.lexsort(rows.reshape(len(rows), -1).T)]

    epochs = feed_of(epochs_of(7), **ACTIVATIONS, epochs="7", views="3")
    for number, (rows, _) in enumerate(epochs):
        assert np.array_equal(by_picture(rows), by_picture(epochs[number % 3][0]))
        assert number < 3 or not np.array_equal(rows, epochs[number % 3][0])
    assert not np.array_equal(by_picture(epochs[0][0]), by_picture(epochs[1][0]))


def test_without_augmentation_one_view_serves(feed_of, own_cache):
    """More would be copies of it."""
    source = feed_of(lambda feeds, _: feeds.training.source, **ACTIVATIONS, augment="none", views="4", epochs="6")
    assert source == "activations at conv2, 1 view"
    assert len(own_cache.stored("activations")) == 2


def test_validation_rows_come_in_the_manifests_order(feed_of, manifest):
    """Their labels say which picture is which."""
    part = read_split(manifest).part("val")
    images = Decoder(part, 32, "squash").read(np.arange(len(part))).astype(np.float32)

    def look(feeds, model):
        rows, labels = all_of(feeds.training.validation)
        wanted = np.asarray(trunk_below(model, get_network("tiny"), "conv2")(images, training=False))
        np.testing.assert_allclose(rows, wanted, rtol=2e-3, atol=1e-3 * np.ptp(wanted))
        return labels.argmax(axis=1).tolist()

    assert feed_of(look, **ACTIVATIONS) == part.labels.tolist()


def test_class_weights_reach_the_tail(feed_of, manifest):
    """Each row's weight is its class's."""
    weights = class_weights(read_split(manifest).part("train"))
    ((_, labels, given),) = feed_of(epochs_of(1), **ACTIVATIONS, class_weight="balanced")
    assert np.array_equal(given, weights[labels.argmax(axis=1)])


def test_a_depth_that_leaves_nothing_frozen_reads_pictures_and_that_is_said(feed_of, own_cache, capsys):
    """The lowest block of tiny has no stem below it."""
    source = feed_of(lambda feeds, _: feeds.training.source, **ACTIVATIONS, blocks="3")
    assert source == "pictures"
    said = capsys.readouterr().err
    assert "plan: The activation cache isn't used." in said
    assert "plan: blocks=3: without the cache (nothing lies below what it trains)." in said
    assert own_cache.stored("activations") == []


def test_depths_that_share_the_cache_are_filled_together(feed_of, own_cache, capsys):
    """One pass for all of them; the next depth finds its rows."""
    feed_of(epochs_of(1), **ACTIVATIONS, cache_depths="0-2")
    said = capsys.readouterr().err
    assert "plan: The activation cache gets conv1, conv2 and pooled for 2 views of each picture" in said
    assert len(own_cache.stored("activations")) == 3 * 3
    feed_of(epochs_of(1), **ACTIVATIONS, blocks="2")
    assert "The activation cache has conv1 already." in capsys.readouterr().err


def test_balanced_weights_sum_to_the_pictures():
    """The mean is 1 a picture, and each class weighs the same."""
    from beauty_mlflow.data.pictures import Pictures

    labels = np.array([0, 0, 0, 1, 2, 2], np.int32)
    weights = class_weights(Pictures(None, tuple("abcdef"), labels, np.arange(6, dtype=np.uint64), ("x", "y", "z")))
    assert weights[labels].sum() == pytest.approx(6)
    assert np.bincount(labels) * weights == pytest.approx([2, 2, 2])


def test_what_is_stored_already_leaves_less_room_for_more(feed_of, own_cache, capsys):
    """The run's own rows are on disk and fill most of the budget: another depth's aren't planned beside them."""
    feed_of(epochs_of(1), **ACTIVATIONS, blocks="2")
    capsys.readouterr()
    own_cache.prune(kind="pictures")
    budget = own_cache.usage().bytes + 20_000
    source = feed_of(
        lambda feeds, _: feeds.training.source, **ACTIVATIONS, blocks="2", cache_depths="1", cache_gb=str(budget / 1e9)
    )
    assert source == "activations at conv1, 2 views"
    assert "conv2 needs" in capsys.readouterr().err


def test_what_is_stored_goes_where_something_else_serves_better(feed_of, own_cache):
    """The budget holds either the rows of a deeper run or those that this one begins with at its limit."""
    feed_of(epochs_of(1), **ACTIVATIONS, blocks="2")
    own_cache.prune(kind="pictures")
    gb = str((own_cache.usage().bytes + 5_000) / 1e9)
    source = feed_of(lambda feeds, _: feeds.training.source, **ACTIVATIONS, blocks="1", cache_gb=gb)
    assert source == "activations at conv2, 2 views"
    kept = Counter(one.key.content["boundary"] for one, _ in own_cache.stored("activations"))
    assert kept["conv2"] == 3
    assert kept["conv1"] < 3
