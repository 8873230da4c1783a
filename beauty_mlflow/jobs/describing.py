"""What a run is, in words."""

from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run


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
    is_trial = bool(current.follower.name)  # whose model may not be kept
    end = "" if is_trial else f" {explorers(current.run, 'val', *current.wanted.then_evaluate)}"
    return f"{what}; recipe {parameters.recipe}, at most {parameters.epochs} epochs, on {pictures}.{then}{end}"


def explorers(run: Run, *parts: str) -> str:
    """Say where the explorer of each part will be: what was taken for what, down to the pictures."""
    links = [run.link(f"explorer of {part}", f"{names.EVALUATION_FOLDER}/{part}/explorer.html") for part in parts]
    return f"What is taken for what is shown, at the end, by the {' and the '.join(links)}."


def _depth(parameters: Finetune) -> str:
    blocks = parameters.unfrozen
    inner = f"the blocks {blocks[0]} to {blocks[-1]} unfrozen" if blocks and parameters.unfreeze else ""
    return inner or describe_depth(len(blocks))


def describe_depth(blocks: int) -> str:
    """Say how many blocks, from the top, are trained."""
    if not blocks:
        return "the head only"
    return f"its last {blocks} blocks unfrozen" if blocks > 1 else "its last block unfrozen"
