import keras

from beauty_mlflow.networks.tiny import tiny


def test_it_is_tiny():
    pictures = keras.Input((32, 32, 3))
    model = keras.Model(pictures, tiny(pictures))
    assert model.output_shape == (None, 4, 4, 32)
    assert model.count_params() == 6_200
