#!/bin/sh
# Puts the variables of the environment into the provisioning files, which Grafana does itself only from 6.2 on, and
# starts Grafana.
set -eu
umask 077
cp -R /atipico/provisioning/. /etc/grafana/provisioning
find /etc/grafana/provisioning -name '*.yaml' -exec sed -i \
    -e "s|\${ATIPICO_INFLUX_URL}|$ATIPICO_INFLUX_URL|g" \
    -e "s|\${ATIPICO_INFLUX_AUTHORIZATION}|$ATIPICO_INFLUX_AUTHORIZATION|g" \
    -e "s|\${ATIPICO_DASHBOARDS}|$ATIPICO_DASHBOARDS|g" {} +
exec /run.sh "$@"
