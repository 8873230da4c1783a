#!/bin/sh
# Put back what backup.sh saved: restore.sh FOLDER. Stop the server first. The database becomes what it was, all of it
# or nothing; artifacts that came later stay in the bucket.
set -eu
here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
folder=$1
python3 "$here/bucket.py" restore "$folder/artifacts" "$MLFLOW_ARTIFACTS_DESTINATION"
pg_restore --single-transaction --clean --if-exists --no-owner --dbname mlflow "$folder/mlflow.dump"
