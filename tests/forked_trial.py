"""What a sweep starts instead of a trial's own process: the trial is a child of the fork server, and ends with this."""

import os
import signal
import sys

from forks import SOCKET, Forked

trial = Forked(os.environ[SOCKET], [], [0, 1, 2], folder=os.getcwd(), environment=os.environ)  # noqa: PTH109
signal.signal(signal.SIGTERM, lambda number, _: trial.kill(number))
for stream in (0, 1):  # the search has to hear when the trial is gone, not when this is
    os.close(stream)
status = trial.wait()
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
