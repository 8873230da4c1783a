"""The names of metrics, tags and artifacts, in one place: others rely on them. Nothing heavy is imported here."""

EXPERIMENT = "beauty"

EPOCH_METRICS = (
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "epoch_seconds",
    "images_per_second",
)
BEST_EPOCH = "best_epoch"
BEST_VAL_LOSS = "best_val_loss"
BEST_VAL_ACCURACY = "best_val_accuracy"
SYSTEM_PREFIX = "system/"

FINGERPRINT = "dataset.fingerprint"
WEIGHTS_SOURCE = "weights.source"
RECIPE = "recipe"
STATE = "state"
EVALUATES = "evaluates"
RESUMED = "resumed"
ERROR = "error"
STUDY = "study"
TRIAL_NUMBER = "trial.number"
TRIAL_STATE = "trial.state"
PRUNED = "pruned"
CONFIRM = "confirm"
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
DATASET_CONTEXT = "mlflow.data.context"

MODEL = "model"
SPLIT_FOLDER = "split"
MANIFEST = "split/manifest.csv"
NETWORK_SUMMARY = "network.txt"
FIGURES_FOLDER = "figures"
EVALUATION_FOLDER = "evaluation"
