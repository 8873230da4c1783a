"""A process that uses a cache. Usage: worker.py MODE FOLDER NUMBERS ROWS CHUNK PAUSE.

NUMBERS are the entries', with commas. It says ``row N`` when it is asked for row N (all before are in the cache then),
``open 1`` when the entries are open. ``make`` then says their digests; ``hold`` waits for a line before that, ``gate``
before the second chunk. ``limited`` makes and reads with little address space; NUMBERS is the entry's size in MB then,
and the rest is left out.
"""

import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np
from cache_rows import DTYPE, SHAPE, array_of, digest, key_of

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.cache.store import Cache

SPARE_BYTES = 96 * 2**20


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def produce_slowly(count, chunk, pause, gate):
    def produce(keys, start):
        arrays = [array_of(int(key.content["boundary"][5:]), count) for key in keys]
        for first in range(start, count, chunk):
            say("row", first)
            if gate and first == start + chunk:
                sys.stdin.readline()
            time.sleep(pause)
            yield [array[first : first + chunk] for array in arrays]

    return produce


def limited(folder, megabytes):
    """Make and read an entry of a row a megabyte."""
    rows = Rows(megabytes, (2**20,), "uint8")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, -1))

    def produce(_, start):
        for row in range(start, megabytes):
            yield [np.full((1, 2**20), row % 256, np.uint8)]

    with Cache(folder).ensure({key_of(0): rows}, produce)[key_of(0)] as entry:
        for row in np.random.default_rng(0).permutation(megabytes):
            assert (entry.read([row]) == row % 256).all()
    say("read", megabytes)


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
    mode, folder, numbers, *rest = sys.argv[1:]
    if mode == "limited":
        limited(Path(folder), int(numbers))
        return
    count, chunk, pause = int(rest[0]), int(rest[1]), float(rest[2])
    keys = [key_of(int(number)) for number in numbers.split(",")]
    rows = Rows(count, SHAPE, DTYPE)
    entries = Cache(Path(folder)).ensure(dict.fromkeys(keys, rows), produce_slowly(count, chunk, pause, mode == "gate"))
    say("open", 1)
    if mode == "hold":
        sys.stdin.readline()
    for key in keys:
        say("digest", digest(entries[key]))


main()
