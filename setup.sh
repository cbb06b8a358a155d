#!/bin/sh
# Makes .venv with the pins of a requirements file and this package in it: ./setup.sh [requirements.txt]
# up.sh and test.sh call it. It does nothing when that is done already, and starts afresh where it was interrupted.
set -eu
cd "$(dirname "$0")"
requirements=${1:-requirements.txt}
stamp=.venv/.done-$requirements
marker=.venv/.installing
log=.venv/setup.log

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
wanted() { { pwd -P; .venv/bin/python -VV; cat "$requirements" pyproject.toml; } 2>/dev/null | cksum; }

# The Pythons that could do, the newest first; $PYTHON instead of them when it is set.
find_python() {
    old=""
    bare=""
    for python in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3 python}; do
        version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
        if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            old="$python is $version"
        elif [ -z "$uv" ] && ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            bare=$python
        else
            return 0
        fi
    done
    [ -z "$bare" ] || fail "$bare has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run this again"
    fail "Python 3.11 or newer is needed${old:+, $old}; install one (python.org, brew, apt, uv) or name one: PYTHON=/path/to/python3"
}

# A .venv that is whole, new enough, and was made in this place (its scripts name it).
usable() {
    needs=${uv:+sys}
    .venv/bin/python -c "import sys, ${needs:-pip}; sys.exit(sys.version_info < (3, 11))" 2>/dev/null &&
        grep -qF "$(pwd -P)/.venv" .venv/bin/activate 2>/dev/null
}

# What an interrupted set-up has left at work may still write for a moment.
remove_venv() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if rm -rf .venv 2>/dev/null; then return 0; fi
        sleep 1
    done
    fail ".venv could not be removed; remove it and run this again"
}

make_venv() {
    find_python
    say "making .venv with Python $version"
    remove_venv
    if [ -n "$uv" ]; then
        "$uv" venv --quiet --seed --python "$python" .venv >&2 || fail "uv could not make .venv with $python; see above"
    else
        "$python" -m venv .venv >&2 || fail "$python could not make .venv; see above, and check the room on this disk"
    fi
}

# uv takes the package index that pip is told to take.
as_pip_is_told() {
    index=$(.venv/bin/python -m pip config list 2>/dev/null | sed -n "s/^[^=]*[.]index-url='\(.*\)'\$/\1/p" | tail -n 1)
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
    if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"; fi
}

with_uv() {
    [ -n "$uv" ] || { .venv/bin/python -m pip install --quiet uv && uv=.venv/bin/uv; } || return 1
    as_pip_is_told
    UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-60}" UV_LINK_MODE="${UV_LINK_MODE:-copy}" "$uv" pip install \
        --python .venv/bin/python --compile-bytecode --requirement "$requirements" --no-deps --editable .
}

with_pip() { .venv/bin/python -m pip install --requirement "$requirements" && .venv/bin/python -m pip install --no-deps --editable .; }

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ] && [ ! -f "$marker" ]; then exit 0; fi

uv=$(command -v uv || command -v .venv/bin/uv || true)
if [ -f "$marker" ]; then
    other=$(cat "$marker")
    if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
        fail "another set-up (process $other) is at work in .venv; wait for it, or remove .venv if there is none, and run this again"
    fi
    say "the last set-up was interrupted: starting afresh"
    remove_venv
fi
if ! usable; then
    uv=$(command -v uv || true)
    make_venv
fi

echo $$ > "$marker"
say "installing $(wc -l < "$requirements" | tr -d ' ') packages (what happens: $log)"
if ! with_uv > "$log" 2>&1; then
    say "uv could not; trying pip, which takes some minutes"
    if ! with_pip >> "$log" 2>&1; then
        rm -f "$marker"
        tail -n 15 "$log" >&2
        fail "the packages could not be installed; above is the end of $log; check the network and run this again"
    fi
fi
wanted > "$stamp"
rm -f "$marker"
