"""What a machine doesn't have or allow: a reason to leave a test out, or to fail it."""

import os

import pytest

# read as the session begins: no test sees the user's own variables
REQUIRED = os.environ.get("BEAUTY_REQUIRE_SYSTEM") == "1"


def lacks(what):
    """Leave the test out; fail it where BEAUTY_REQUIRE_SYSTEM=1 says that nothing is lacking here."""
    if REQUIRED:
        pytest.fail(f"{what}, and BEAUTY_REQUIRE_SYSTEM is 1")
    pytest.skip(what)
