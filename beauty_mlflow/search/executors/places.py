"""Where tasks have made intermediate results that others reuse: each machine of a cluster keeps its own."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence


class Places:
    """Which nodes have made what; threads may share it."""

    def __init__(self) -> None:
        self._node: dict[str, str] = {}  # of each task at work
        self._made: defaultdict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()

    def having(self, reuses: str) -> Sequence[str]:
        """Return the nodes that have what goes by this text, those with the fewest tasks at work first."""
        with self._lock:
            busy = Counter(self._node.values())
            return sorted(self._made[reuses], key=lambda node: (busy[node], node))

    def entered(self, task: str, node: str) -> None:
        """Take note that a task has begun on a node, maybe once more and on another one."""
        with self._lock:
            self._node[task] = node

    def made(self, task: str, reuses: str) -> None:
        """Take note that a task has made what goes by this text, on the node where it is."""
        with self._lock:
            self._made[reuses].add(self._node[task])

    def left(self, task: str) -> None:
        """Take note that a task is over."""
        with self._lock:
            self._node.pop(task, None)
