#!/bin/sh
# The tracking server. The environment says the rest: see .env.example. No password is an argument, which every user
# of the machine could read.
set -eu
here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
export MLFLOW_AUTH_CONFIG_PATH="$here/basic_auth.ini"
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false # processes for language models, which classifiers don't need
exec mlflow server \
  --backend-store-uri postgresql+psycopg:///mlflow \
  --serve-artifacts \
  --artifacts-destination "$MLFLOW_ARTIFACTS_DESTINATION" \
  --app-name basic-auth \
  --allowed-hosts "$SERVER_NAME" \
  --cors-allowed-origins "https://$SERVER_NAME"
