import subprocess
import sys

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import NetworkError
from beauty_mlflow.networks.table import NETWORKS, get_network, scaling_for, select_blocks

BLOCK_COUNTS = {
    "inception_v3": 11,
    "resnet50": 16,
    "simplenet": 13,
    "mobilenet_v2": 17,
    "efficientnet_b0": 16,
    "efficientnet_lite0": 16,
    "tiny": 3,
}
KERAS_APPLICATIONS = {
    "inception_v3": "InceptionV3",
    "resnet50": "ResNet50",
    "mobilenet_v2": "MobileNetV2",
    "efficientnet_b0": "EfficientNetB0",
}


@pytest.fixture(params=NETWORKS.values(), ids=list(NETWORKS))
def network(request):
    return request.param


def test_table_has_the_documented_networks_and_blocks():
    assert {name: len(network.blocks) for name, network in NETWORKS.items()} == BLOCK_COUNTS


def test_each_row_is_consistent(network):
    """Names and boundaries are unique, the sizes plausible."""
    assert NETWORKS[network.name] is network
    assert len(set(network.block_names)) == len({block.boundary for block in network.blocks})
    assert 0 < network.minimum_size <= network.image_size
    assert network.last_layer == network.blocks[-1].boundary


def test_scratch_networks_are_the_thesis_three():
    assert {network.name for network in NETWORKS.values() if network.scratch} == {
        "inception_v3",
        "resnet50",
        "simplenet",
    }


@pytest.mark.slow
@pytest.mark.parametrize(("name", "application"), KERAS_APPLICATIONS.items())
def test_hub_files_are_those_that_keras_itself_asks_for(monkeypatch, name, application):
    """Name, address and checksum: a release of Keras with other weights is noticed."""
    asked = {}

    def get_file(fname, origin, file_hash=None, **_):
        asked.update(name=fname, url=origin, md5=file_hash or "")
        raise FileNotFoundError("asked")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(FileNotFoundError, match="asked"):
        getattr(keras.applications, application)(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    hub = NETWORKS[name].hub
    assert asked == {"name": hub.name, "url": hub.url, "md5": hub.md5}


def test_thesis_scales_by_255_except_what_scales_itself(network):
    own = network.name in {"efficientnet_b0", "efficientnet_lite0"}
    assert scaling_for(network, "thesis") == (network.scaling if own else "unit")
    assert scaling_for(network, "own") == network.scaling


def test_unknown_network_is_answered_with_the_nearest_name():
    with pytest.raises(NetworkError, match=r"'inceptionv3': expected one of .*tiny\. Did you mean 'inception_v3'\?"):
        get_network("inceptionv3")


@pytest.mark.parametrize(
    ("blocks", "unfreeze", "expected"),
    [
        (0, "", ()),
        (2, "", ("mixed9", "mixed10")),
        (11, "", tuple(f"mixed{index}" for index in range(11))),
        (6, "mixed3..mixed5", ("mixed3", "mixed4", "mixed5")),
        (6, " mixed3 .. mixed3 ", ("mixed3",)),
        (0, "mixed10", ("mixed10",)),
    ],
)
def test_blocks_are_counted_from_the_top_and_ranges_include_both_ends(blocks, unfreeze, expected):
    assert select_blocks(get_network("inception_v3"), blocks=blocks, unfreeze=unfreeze) == expected


@pytest.mark.parametrize("blocks", [-1, 12])
def test_too_many_blocks_is_answered_with_the_range(blocks):
    with pytest.raises(NetworkError, match=rf"blocks={blocks} doesn't fit inception_v3: expected 0 to 11"):
        select_blocks(get_network("inception_v3"), blocks=blocks, unfreeze="")


@pytest.mark.parametrize(
    ("unfreeze", "message"),
    [
        ("mixed6..mixed3", r"runs downwards: .* as 'mixed3\.\.mixed6'"),
        ("mixd3", r"no block 'mixd3': expected one of mixed0, .*Did you mean 'mixed3'\?"),
        ("mixed3..", r"no block ''"),
        ("..mixed3", r"no block ''"),
        ("mixed3...mixed5", r"no block '\.mixed5'"),
        ("block_1..block_2", r"no block 'block_1': .* mixed0\.\.mixed10"),
    ],
)
def test_a_wrong_range_is_an_error(unfreeze, message):
    with pytest.raises(NetworkError, match=message):
        select_blocks(get_network("inception_v3"), blocks=6, unfreeze=unfreeze)


@settings(max_examples=25)
@given(st.sampled_from(list(NETWORKS)), st.data())
def test_depth_and_range_to_the_top_select_the_same(name, data):
    network = get_network(name)
    depth = data.draw(st.integers(1, len(network.blocks)))
    chosen = select_blocks(network, blocks=depth, unfreeze="")
    assert len(chosen) == depth
    assert select_blocks(network, blocks=0, unfreeze=f"{chosen[0]}..{network.block_names[-1]}") == chosen


def test_table_imports_nothing_heavy():
    """Usage errors must answer at once."""
    script = (
        "import sys; import beauty_mlflow.networks.table; "
        "print([name for name in ('numpy', 'pandas', 'keras', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
