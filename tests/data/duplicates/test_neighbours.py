import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.duplicates.neighbours import similar_pairs

hash_words = st.integers(0, 2**64 - 1)


@settings(max_examples=25)
@given(
    st.lists(hash_words, min_size=2, max_size=12),
    st.lists(st.sets(st.integers(0, 63), max_size=9), max_size=12),
)
def test_the_search_finds_just_what_comparing_all_with_all_finds(words, flips):
    """Every two pictures that a brute search connects are connected, and no others."""
    for number, bits in enumerate(flips):
        words.append(words[number % len(words)] ^ sum(1 << bit for bit in bits))
    hashes = np.array([[word, 0x0F0F << (16 * (row % 4))] for row, word in enumerate(words)], np.uint64)
    hashes[:, 1] = np.random.default_rng(0).integers(0, 2**63, len(words), dtype=np.uint64)
    thumbnails = np.zeros((len(words), 16, 16, 3), np.uint8)
    found = {tuple(pair) for pair in similar_pairs(hashes, thumbnails, distance=7, tolerance=20).tolist()}
    close = {
        (left, right)
        for left in range(len(words))
        for right in range(left + 1, len(words))
        if (np.bitwise_count(hashes[left] ^ hashes[right]) <= 7).any()
    }
    assert found == close


def test_many_blank_pictures_of_one_hash_give_as_many_pairs_as_pictures():
    size = 20_000
    thumbnails = np.full((size, 16, 16, 3), 255, np.uint8)
    pairs = similar_pairs(np.ones((size, 2), np.uint64), thumbnails, distance=7, tolerance=20)
    assert len(pairs) == size - 1


def test_nothing_gives_no_pairs():
    empty = similar_pairs(np.zeros((0, 2), np.uint64), np.zeros((0, 16, 16, 3), np.uint8), distance=7, tolerance=20)
    assert empty.shape == (0, 2)


def test_many_pictures_of_one_hash_are_told_apart_by_colour():
    """A hundred plain red, a hundred plain blue pictures: two stars, nothing between them."""
    thumbnails = np.zeros((200, 16, 16, 3), np.uint8)
    thumbnails[::2, ..., 0] = 255
    thumbnails[1::2, ..., 2] = 255
    pairs = similar_pairs(np.zeros((200, 2), np.uint64), thumbnails, distance=7, tolerance=20)
    assert len(pairs) == 198
    assert ((pairs[:, 0] - pairs[:, 1]) % 2 == 0).all()
