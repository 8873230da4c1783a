#!/bin/sh
# Copy the database, then the artifacts, into a folder: backup.sh FOLDER. The server may run meanwhile: whatever the
# database names by now is in the bucket already.
set -eu
here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
folder=$1
mkdir -p "$folder"
pg_dump --format custom --file "$folder/mlflow.dump.partial" mlflow
mv "$folder/mlflow.dump.partial" "$folder/mlflow.dump"
python3 "$here/bucket.py" save "$MLFLOW_ARTIFACTS_DESTINATION" "$folder/artifacts"
