"""Damage for files: what a bad disk, a cut connection or somebody with a hex editor would make of them."""

import os
import struct

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# numbers that make readers ask for too much, go backwards or divide by zero
EXTREMES = [
    struct.pack(order + kind, value)
    for order in "<>"
    for kind, values in (("H", (0, 1, 0x7FFF, 0xFFFF)), ("I", (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 60_000)))
    for value in values
]


def examples(usual):
    """Return settings for so many examples, or as many as FUZZ_EXAMPLES says."""
    wanted = int(os.environ.get("FUZZ_EXAMPLES", usual))
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=wanted, suppress_health_check=checks)


def result_of(call, *errors):
    """Return what a call gives; None where it raises one of these errors, which has to say something."""
    try:
        return call()
    except errors as error:
        said = str(error)
    assert said
    return None


@st.composite
def damaged(draw, originals, *, words=()):
    """Draw one of some contents with up to four kinds of damage done to it.

    Args:
        draw: Hypothesis's.
        originals: Bytes of whole files.
        words: Bytes that mean something in such a file, to be put where they don't belong.
    """
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(0, 16))
        kind = draw(st.sampled_from(["flip", "extreme", "cut", "remove", "insert", "repeat", "splice"]))
        if kind == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "extreme":
            number = draw(st.sampled_from(EXTREMES))
            content[place : place + len(number)] = number
        elif kind == "cut":
            del content[place:]
        elif kind == "remove":
            del content[place : place + length]
        elif kind == "insert":
            content[place:place] = draw(st.binary(max_size=16) | st.sampled_from([b"", *words]))
        elif kind == "repeat":
            content[place:place] = content[place : place + length] * draw(st.sampled_from([1, 2, 100]))
        elif kind == "splice":
            other = draw(st.sampled_from(originals))
            content[place:] = other[draw(st.integers(0, len(other))) :]
    return bytes(content)
