"""Files share a number of bytes of memory; all come to their turn."""

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from waiting import until

from beauty_mlflow.data.sources.fetch_budget import FetchBudget, Share


class Counted:
    """How many bytes are held, and how many were at most."""

    def __init__(self):
        self.now = self.most = 0
        self.lock = threading.Lock()

    def add(self, size):
        with self.lock:
            self.now += size
            self.most = max(self.most, self.now)


def test_threads_hold_at_most_the_room_and_one_file():
    """Those larger than the whole budget pass, too."""
    budget, counted = FetchBudget(100), Counted()

    def hold(size):
        with budget.share() as share:
            share.take(size)
            counted.add(size)
            time.sleep(0.001)
            counted.add(-size)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(hold, [100, 1, 250, 60, 30, 250, 10, 99, 0] * 5))
    assert counted.now == 0
    assert 250 <= counted.most <= 350
    _, other = budget.share(), budget.share()
    assert other.try_take(100), "nothing was lost"


def test_files_that_are_wanted_in_order_never_wait_for_later_ones():
    """Fetched ahead in any order, given back only in their own."""
    budget, counted = FetchBudget(100), Counted()
    sizes = [30, 70, 160, 5, 90, 20, 60, 100, 1, 300] * 6

    def fetch(number):
        time.sleep(0.002 * (number % 3))
        share = Share(budget, number)
        share.take(sizes[number])
        counted.add(sizes[number])
        return share

    with ThreadPoolExecutor(8) as threads:
        for number, coming in enumerate([threads.submit(fetch, number) for number in range(len(sizes))]):
            share = coming.result(timeout=60)
            counted.add(-sizes[number])
            share.budget.finish(number)
    assert 300 <= counted.most <= 400


def test_who_came_earlier_is_not_overtaken():
    """A large file that waits isn't passed by small ones for which there were room."""
    budget = FetchBudget(100)
    with budget.share() as first:
        first.take(60)
        large = budget.share()
        waiting = threading.Thread(target=large.take, args=[50])
        waiting.start()
        small = budget.share()

        def refused():
            taken = small.try_take(1)
            small.try_take(0)
            return not taken

        until(refused)
    waiting.join(timeout=60)
    assert not waiting.is_alive()


def test_a_share_may_become_smaller_and_larger():
    """What is given back is there for others at once."""
    budget = FetchBudget(100)
    _, first, second = budget.share(), budget.share(), budget.share()
    assert first.try_take(90)
    assert not second.try_take(20)
    assert first.try_take(80)
    assert second.try_take(20)
    assert not first.try_take(81)


def test_nobody_waits_once_it_is_closed():
    """Those that wait are told so."""
    budget = FetchBudget(100)
    _, large = budget.share(), budget.share()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(large.take, 200)
        time.sleep(0.05)
        assert not waiting.done()
        budget.close()
        with pytest.raises(CancelledError):
            waiting.result(timeout=60)
