"""What a run is, in words."""

from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.sessions import Session


def describe_training(current: Session, weights_source: str) -> str:
    """Say what is trained, from which weights, how, and on which pictures."""
    parameters, split = current.parameters, current.split
    sizes, parts = " / ".join(map(str, split.sizes.values())), ", ".join(split.sizes)
    pictures = f"{len(split.classes)} classes of **{current.data_name}** ({sizes} pictures: {parts})"
    if isinstance(parameters, Finetune):
        what = f"Fine-tunes **{parameters.network}** ({_depth(parameters)}), from the weights: {weights_source}"
    else:
        what = f"Trains the whole of **{parameters.network}** from random weights"
    then = f" Then evaluates it on {', '.join(current.wanted.then_evaluate)}." if current.wanted.then_evaluate else ""
    return f"{what}; recipe {parameters.recipe}, at most {parameters.epochs} epochs, on {pictures}.{then}"


def _depth(parameters: Finetune) -> str:
    blocks = parameters.unfrozen
    if not blocks:
        return "the head only"
    if parameters.unfreeze:
        return f"the blocks {blocks[0]} to {blocks[-1]} unfrozen"
    return f"its last {len(blocks)} blocks unfrozen" if len(blocks) > 1 else "its last block unfrozen"
