#!/usr/bin/env bash
# Makes .venv from the lock file, with hashes. Skipped when the lock and the project's metadata have not changed.
set -euo pipefail
. "$(dirname "$0")/common.sh"
one_at_a_time
venv="$ROOT/.venv"
stamp="$venv/.clusterbed-stamp"

python_of_host() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null || continue
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
            && { command -v "$candidate"; return; }
    done
    return 1
}

fingerprint=$(cat "$ROOT/requirements.lock" "$ROOT/pyproject.toml" | sha256sum | cut -d' ' -f1)
[ -x "$venv/bin/clusterbed" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$fingerprint" ] && exit 0

python=$(python_of_host) || { say "installing python3-venv"; install_packages python3 python3-venv; python=$(python_of_host); } \
    || refuse "Python 3.11 or later with the venv module is needed; found: $(python3 --version 2>&1 || echo none)"
say "making .venv with $("$python" --version)"
"$python" -m venv --clear "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$ROOT/requirements.lock"
"$venv/bin/pip" install -q --disable-pip-version-check --no-deps --no-build-isolation -e "$ROOT"
echo "$fingerprint" >"$stamp"
