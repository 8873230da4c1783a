import pytest

from beauty_mlflow.networks.blocks import (
    MBCONV_REPEATS,
    Block,
    convolutions,
    inverted_residuals,
    mbconv_units,
    residual_units,
    same,
    suffixed,
)


@pytest.mark.parametrize(
    ("blocks", "count", "bottom", "top"),
    [
        (residual_units((3, 4, 6, 3)), 16, "conv2_block1", "conv5_block3"),
        (inverted_residuals(), 17, "expanded_conv", "block_16"),
        (mbconv_units(), 16, "block1a", "block7a"),
        (convolutions({4}), 13, "conv1", "conv13"),
    ],
)
def test_units_run_from_bottom_to_top(blocks, count, bottom, top):
    names = [block.name for block in blocks]
    assert (len(set(names)), names[0], names[-1]) == (count, bottom, top)


def test_every_stage_repeats_as_published():
    stages = [block.name[5] for block in mbconv_units()]
    assert tuple(stages.count(str(stage)) for stage in range(1, 8)) == MBCONV_REPEATS


def test_last_blocks_include_the_layers_above_the_last_unit():
    assert inverted_residuals()[-1].boundary == "out_relu"
    assert mbconv_units()[-1].boundary == "top_activation"


def test_a_pooled_convolution_ends_after_its_dropout():
    ends = {block.name: block.boundary for block in convolutions({4})}
    assert (ends["conv3"], ends["conv4"]) == ("conv3_relu", "conv4_dropout")


def test_boundaries_are_named_as_asked():
    assert same(["mixed0"]) == (Block("mixed0", "mixed0"),)
    assert suffixed([("conv1", "relu")]) == (Block("conv1", "conv1_relu"),)
