"""What is started instead of a process of its own: its child of the fork server, with which it ends.

Its arguments are the command line's; without any it is a search's trial.
"""

import os
import signal
import sys

from forks import SOCKET, Forked

arguments = sys.argv[1:]
child = Forked(os.environ[SOCKET], arguments, [0, 1, 2], folder=os.getcwd(), environment=os.environ)  # noqa: PTH109
signal.signal(signal.SIGTERM, lambda number, _: child.kill(number))
for stream in (0, 1):  # a search has to hear when its trial is gone, not when this is
    os.close(stream)
status = child.wait()
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
