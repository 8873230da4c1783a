"""SimpleNet, its authors' version 1; docs/decisions/simplenet.md says what they left open."""

from typing import Any

import keras

# filters and kernel size of each convolution (Hasanpour et al. 2016, "Lets keep it simple", figure 1)
_CONVOLUTIONS = (
    (64, 3), (128, 3), (128, 3), (128, 3),
    (128, 3), (128, 3), (256, 3),
    (256, 3), (256, 3),
    (512, 3),
    (2048, 1), (256, 1),
    (256, 3),
)  # fmt: skip
_POOLED = {4, 7, 9, 10, 12}
_DROPOUT = 0.1


def simplenet(pictures: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    """Thirteen convolutions with batch normalisation and ReLU, five of them followed by pooling and channel dropout.

    [b, size, size, 3] becomes [b, size // 32, size // 32, 256].
    """
    x = pictures
    for index, (filters, kernel) in enumerate(_CONVOLUTIONS, start=1):
        x = keras.layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = keras.layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name=f"conv{index}_bn")(x)
        x = keras.layers.ReLU(name=f"conv{index}_relu")(x)
        if index in _POOLED:
            x = keras.layers.MaxPooling2D(name=f"conv{index}_pool")(x)
            x = keras.layers.SpatialDropout2D(_DROPOUT, name=f"conv{index}_dropout")(x)
    return x
