"""The same opponent with what Keras's guides recommend for speed.

    python benchmarks/plain_strong.py --manifest split.csv --network inception_v3 --weights first.weights.h5 \
        --depths 0,1,2,3 --epochs 10 --json plain_strong.json

The trunk computes in bfloat16, or float16 on a GPU, where the machine does so natively (mixed precision), and at depth
0 the pictures go through it only once, not augmented; the head trains on those features. Options are those of plain.py.
"""

from plain import main

if __name__ == "__main__":
    main(__doc__, precision="auto", features_once=True)
