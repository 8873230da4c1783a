"""Reading and writing rows with ordinary calls.

Never through a map into memory: there a full disk or a short file is a signal that kills the process, and a
limited address space ends at its size, while a call gives an error that can be explained.
"""

import os
import zlib

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

BLOCK_BYTES = 8 * 2**20  # what passes over many rows reads at once


def read_at(handle: int, block: Bytes, offset: int) -> int:
    """Fill the block from a file's offset on; return how many bytes there were."""
    target = block.reshape(-1).data
    done = 0
    while done < len(target):
        got = os.preadv(handle, [target[done:]], offset + done)
        if got == 0:
            break
        done += got
    return done


def write_at(handle: int, data: bytes | Bytes, offset: int) -> None:
    """Write all of the data at a file's offset."""
    source = np.frombuffer(data, np.uint8).data
    done = 0
    while done < len(source):
        done += os.pwrite(handle, source[done:], offset + done)


def checksums_of(block: Bytes) -> npt.NDArray[np.uint32]:
    """Return the crc32 of each row of the block, uint8 [rows, bytes]."""
    return np.fromiter((zlib.crc32(row) for row in block), np.uint32, len(block))


def rows_at_once(row_bytes: int) -> int:
    """Return how many rows of this size a pass reads at once."""
    return max(1, BLOCK_BYTES // row_bytes)
