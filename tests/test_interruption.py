import signal
import subprocess
import sys

SCRIPT = """
import os, signal
from beauty_mlflow.errors import Interrupted
from beauty_mlflow.interruption import catch_signals, raise_again

class Swallows:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

catch_signals()
raise_again()
Swallows()
print("it was swallowed")
try:
    raise_again()
except Interrupted as error:
    print(error.exit_status)
"""


def test_what_a_finaliser_swallows_is_raised_again():
    """Python drops what is raised inside ``__del__``: a training would go on as if nobody had asked it to end."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["it was swallowed", str(128 + signal.SIGTERM)]
    assert "Exception ignored" in done.stderr
