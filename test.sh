#!/bin/sh
# All tests: ./test.sh [--real] [pytest arguments]
# --real: also the tests on the real InfluxDB, Kapacitor and Grafana, taken from the folder ATIPICO_REAL or from PATH, and
# those of the stack in containers, by Docker and Compose; one that is missing is a failure.
# Without pytest arguments the checks of style, types and imports come first.
set -u
cd "$(dirname "$0")" || exit 1
if [ "${1:-}" = --real ]; then
    export ATIPICO_TEST_REAL=1
    shift
fi

failed=""
took=""
# phase NAME COMMAND...: run it, remember how long it took and whether it failed.
phase() {
    name=$1
    shift
    began=$(date +%s)
    echo "== $name"
    if "$@"; then result=""; else result=", FAILED" failed="$failed $name"; fi
    took="$took$(printf '%-12s %4d s%s' "$name" $(($(date +%s) - began)) "$result")
"
}

phase set-up ./setup.sh requirements-dev.txt
[ -z "$failed" ] || exit 1
if [ -n "${ATIPICO_TEST_REAL:-}" ]; then
    phase real env PYTHONPATH=tests .venv/bin/python tests/servers.py
    [ -z "$failed" ] || exit 1
fi
if [ $# -eq 0 ]; then
    phase style .venv/bin/ruff check
    phase format .venv/bin/ruff format --check
    phase types .venv/bin/mypy
    phase imports .venv/bin/lint-imports
fi
printf '== how long it took\n%s' "$took"
[ -z "$failed" ] || echo "FAILED:$failed (see above); the tests follow"
echo "== tests"
began=$(date +%s)
if [ $# -eq 0 ]; then
    # Faults and fuzzers mostly wait: they run beside the others, and what they say comes behind.
    beside="tests/stack/test_faults.py tests/stack/test_faults_controls.py tests/fuzz"
    said=$(mktemp)
    # shellcheck disable=SC2086
    .venv/bin/python -m pytest -rs $beside > "$said" 2>&1 < /dev/null &
    other=$!
    trap 'kill $other 2> /dev/null' INT TERM
    .venv/bin/python -m pytest -rs $(printf -- '--ignore=%s ' $beside)
    status=$?
    wait $other || status=$?
    echo "== faults and fuzzers"
    cat "$said"
    rm -f "$said"
else
    .venv/bin/python -m pytest -rs "$@"
    status=$?
fi
echo "== tests took $(($(date +%s) - began)) s"
[ -z "$failed" ] || [ "$status" -ne 0 ] || status=1
exit "$status"
