#!/bin/sh
# The whole stack on this machine, without Docker: ./up.sh [--data FILE] [--rate N] [--lab] [--foreground]
# or in containers, on InfluxDB, Kapacitor and Grafana: ./up.sh docker [--only influxdb,grafana]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/setup.sh" requirements.txt
for word; do
    if [ "$word" = --lab ]; then "$here/setup.sh" requirements-lab.txt; fi
done
exec "$here/.venv/bin/atipico" up "$@"
