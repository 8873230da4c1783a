"""Use an exported network as another program would: with its runtime and <out>.json, and nothing of this package.

usage: python use_export.py EXPORT BATCH.npy ANSWERS.npy
"""

import json
import sys
from pathlib import Path

import numpy as np

path, batch = Path(sys.argv[1]), np.load(sys.argv[2])
about = json.loads(path.with_name(f"{path.name}.json").read_text())
pictures, probabilities = about["input"]["name"], about["output"]["name"]
if about["format"] == "keras":
    import keras

    found = np.asarray(keras.saving.load_model(path)(batch))
elif about["format"] == "saved_model":
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    found = loaded.signatures["serving_default"](**{pictures: batch})[probabilities].numpy()
else:
    import onnxruntime

    (found,) = onnxruntime.InferenceSession(path).run([probabilities], {pictures: batch})
np.save(sys.argv[3], found)
