#!/bin/sh
# The whole stack on this machine, without Docker: ./up.sh [--data FILE] [--rate N] [--foreground]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/setup.sh" requirements.txt
exec "$here/.venv/bin/atipico" up "$@"
