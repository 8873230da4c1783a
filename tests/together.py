"""What several do at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor


def together(*calls):
    """Return what calls return that begin at the same moment, each in a thread; raises what one of them raises."""
    begin = threading.Barrier(len(calls))

    def start(call):
        begin.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(start, calls))
