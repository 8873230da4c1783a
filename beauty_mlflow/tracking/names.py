"""The names of metrics, tags and artifacts, in one place: others rely on them. Nothing heavy is imported here."""

from typing import Literal

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
"""A run's, in MLflow's words."""

EXPERIMENT = "beauty"

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
EPOCH_SECONDS = "epoch_seconds"
SPEED = "images_per_second"
EPOCH_METRICS = (*CURVES, "learning_rate", EPOCH_SECONDS, SPEED)
BEST_EPOCH = "best_epoch"
BEST_VAL_LOSS = "best_val_loss"
BEST_VAL_ACCURACY = "best_val_accuracy"
BEST_ONLY = tuple(
    f"best_val_{name}" for name in ("accuracy_low", "accuracy_high", "balanced_accuracy", "macro_f1", "top5_accuracy")
)
# a finished training's, so that a comparison needn't read its epochs: the kept epoch's, and of all epochs
BEST_ACCURACY = "best_accuracy"
BEST_LOSS = "best_loss"
EPOCHS_TRAINED = "epochs_trained"
MEDIAN_SPEED = "median_images_per_second"
PARAMETERS_TOTAL = "parameters_total"
PARAMETERS_TRAINABLE = "parameters_trainable"
SECONDS = "seconds"
TRAIN_PICTURES = "train_pictures"
# what a search may be for: a training's figures at its end
OBJECTIVES = (
    BEST_VAL_ACCURACY,
    BEST_VAL_LOSS,
    BEST_EPOCH,
    *BEST_ONLY,
    *EPOCH_METRICS,
    PARAMETERS_TOTAL,
    PARAMETERS_TRAINABLE,
    SECONDS,
)
# measured on the validation part; coverage and precision are those of the threshold
CALIBRATION_TEMPERATURE = "calibration.temperature"
CALIBRATION_THRESHOLD = "calibration.threshold"
CALIBRATION_ECE_BEFORE = "calibration.ece_before"
CALIBRATION_ECE_AFTER = "calibration.ece_after"
CALIBRATION_COVERAGE = "calibration.coverage"
CALIBRATION_PRECISION = "calibration.precision"
SYSTEM_PREFIX = "system/"

FINGERPRINT = "dataset.fingerprint"
WEIGHTS_SOURCE = "weights.source"
RECIPE = "recipe"
STATE = "state"
EVALUATES = "evaluates"
RESUMED = "resumed"
OFFLINE = "offline.id"  # what a run was called until the store gave it an id
ERROR = "error"
PROCESS = "process"  # which processes work on the run, or did
STUDY = "study"
TRIAL_NUMBER = "trial.number"
TRIAL_STATE = "trial.state"
PRUNED = "pruned"
CONFIRM = "confirm"
# a sweep's own figures, over its trials
BEST_VALUE = "best_value"
TRIALS_DONE = "trials_done"
TRIALS_PRUNED = "trials_pruned"
TRIALS_FAILED = "trials_failed"
PROMOTION = "promotion"  # on an audit run: the registered model's name
PROMOTION_KIND = "promotion.kind"
PROMOTION_VERDICT = "promotion.verdict"
PROMOTION_PASSED = "promotion.passed"
PROMOTION_DRY_RUN = "promotion.dry_run"
PROMOTION_CANDIDATE = "promotion.candidate"
PROMOTION_VERSION = "promotion.version"
PROMOTION_CHAMPION = "promotion.champion"
PROMOTION_REASON = "promotion.reason"
PROMOTION_REPAIRED = "promotion.repaired"
PROMOTION_RUN = "promotion.run"  # on a registered version: the audit run
PROMOTION_MOVE = "promotion.move"  # on a registered model: the aliases that are being moved
TEST_DIGEST = "promotion.test_digest"
PROMOTION_METRICS = "promotion."
GROUPING_METRICS = "grouping."
VERDICT = "verdict"
IMPORTED = "imported"  # true on runs whose figures are somebody else's
IMPORTED_KEY = "imported.key"
SOURCE = "source"
COMPARES = "compares"  # on a comparison: how many runs it draws
VERSION = "beauty.version"
GIT_DIRTY = "git.dirty"

# MLflow's own
PARENT = "mlflow.parentRunId"
USER = "mlflow.user"
SOURCE_NAME = "mlflow.source.name"
SOURCE_TYPE = "mlflow.source.type"
GIT_COMMIT = "mlflow.source.git.commit"
GIT_REPOSITORY = "mlflow.source.git.repoURL"
DESCRIPTION = "mlflow.note.content"
EXPERIMENT_KIND = "mlflow.experimentKind"
SHARED_VIEW = "mlflow.sharedViewState."
DATASET_CONTEXT = "mlflow.data.context"

MODEL = "model"
SPLIT_FOLDER = "split"
CHECK_FOLDER = "check"
MANIFEST = "split/manifest.csv"
NETWORK_SUMMARY = "network.txt"
FIGURES_FOLDER = "figures"
EPOCH_CONFUSIONS = "val_confusion"  # a logged image an epoch
EVALUATION_FOLDER = "evaluation"
PROMOTION_FOLDER = "promotion"
GROUPS_FOLDER = "groups"
