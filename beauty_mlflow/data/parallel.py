"""Many pictures at once, on all cores.

Threads do, because decoding, hashing and reading release the interpreter's lock; unlike processes they start
at once, can't be left behind, and don't load the package again.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from beauty_mlflow.hardware import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNK = 16  # pictures a task: an interrupt waits for the tasks that run
_WAITING = 4  # chunks a thread: so much is in memory at once, however many items there are
# what is far away takes long, and many threads wait for it: one a task then, or too much were in memory
_FAR_CHUNK = 1


def map_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int | None = None,
    stop: Callable[[], object] | None = None,
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` for every item, in order, in bounded memory.

    Args:
        function: What to do.
        items: With what.
        threads: How many, where they mostly wait for something far away; None is one a core.
        stop: Called at the end, before the threads are waited for, where they wait for what doesn't come any more.

    An error in ``function`` (or Ctrl-C) drops what waits, ends the threads and comes out here.
    """
    threads, size = (cores(), _CHUNK) if threads is None else (threads, _FAR_CHUNK)
    chunks = (items[start : start + size] for start in range(0, len(items), size))
    executor = ThreadPoolExecutor(threads)
    pending: deque[Future[list[Result]]] = deque()
    try:
        for chunk in chunks:
            pending.append(executor.submit(_each, function, chunk))
            if len(pending) >= threads * _WAITING:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        if stop:
            stop()
        executor.shutdown(cancel_futures=True)


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items; the next one is made in a thread while the caller works with the last.

    An error in ``items`` comes out here, in its turn. Whoever stops early waits for the item that is being made.
    """
    end = object()
    with ThreadPoolExecutor(1) as thread:
        coming: Future[Any] = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item


def _each(function: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result]:
    return [function(item) for item in chunk]
