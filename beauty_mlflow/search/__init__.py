"""The only room that imports Optuna and Ray. What a trial does is handed in; nothing here knows MLflow or Keras."""

import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)  # a sweep says itself what a trial came to
# heartbeats, multivariate and grouped sampling are experimental in Optuna; tests of ours show that they work
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used with Study.optimize")
