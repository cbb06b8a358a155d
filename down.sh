#!/bin/sh
# Stops what ./up.sh or ./up.sh docker started: ./down.sh [--purge]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$here/.venv/bin/atipico" ] || { echo "nothing was running: ./up.sh has never been here"; exit 0; }
exec "$here/.venv/bin/atipico" down "$@"
