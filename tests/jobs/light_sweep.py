"""`beauty sweep` with light trials: the same arguments, in a process of its own."""

import sys

from beauty_mlflow.cli import main
from beauty_mlflow.jobs import sweeping

sweeping.TRIAL_MODULE = "light_trial"
main(["sweep", *sys.argv[1:]])
