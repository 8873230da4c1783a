#!/bin/sh
# The tracking server. The environment says the rest: see .env.example. No password is an argument, which every user
# of the machine could read.
set -eu
here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
export MLFLOW_AUTH_CONFIG_PATH="$here/basic_auth.ini"
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false # processes for language models, which classifiers don't need
# a process answers 40 calls at once, and one that writes takes two connections to PostgreSQL: with MLflow's own limit of 15
# writers can hold all of them, each waiting for its second
export MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW=60
exec mlflow server \
  --backend-store-uri postgresql+psycopg:///mlflow \
  --serve-artifacts \
  --artifacts-destination "$MLFLOW_ARTIFACTS_DESTINATION" \
  --app-name basic-auth \
  --allowed-hosts "$SERVER_NAME" \
  --cors-allowed-origins "https://$SERVER_NAME"
