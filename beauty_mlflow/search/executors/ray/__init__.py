"""Trials on a Ray cluster; what Ray reads when it is imported is set here, before anything of it is."""

import os
from importlib.util import find_spec

from beauty_mlflow.errors import SweepError

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray is going to do anyway; otherwise it warns each time
}
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

if find_spec("ray") is None:
    raise SweepError("executor=ray needs Ray: pip install 'beauty-mlflow[ray]', or leave executor at local.")
