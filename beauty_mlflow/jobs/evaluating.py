"""Measuring a model on one part of a split: the model just trained, or a logged one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np

from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.progress import console_progress
from beauty_mlflow.data.splits import Split, read_split
from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable, predict
from beauty_mlflow.jobs.artifacts import dataset_of, log_evaluation
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.opening import open_named, say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.training import Trained
from beauty_mlflow.serving.package import Package, load_network, read_package
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import LoggedPackage, find_model
from beauty_mlflow.tracking.runs import Run, tracked
from beauty_mlflow.tracking.store import connect


def evaluate_trained(current: Session, trained: Trained, part: str) -> Summary:
    """Measure the model just trained on one part of its own split, in the same run."""
    pictures = require_pictures(current.split, part)
    say_notes(overlap_notes(current.split, current.split, part))
    table = predict_part(trained.model, pictures, ...)
    return log_figures(current.run, table, part, ...)
