#!/usr/bin/env bash
# What the browser tests need: Debian's Chromium, and the packages of requirements.lock in .venv.
set -euo pipefail
here="$(dirname "$0")"
. "$here/../../docker/host/common.sh"
one_at_a_time
"$ROOT/docker/host/venv.sh"
command -v chromium >/dev/null || { say "installing Chromium"; install_packages chromium; }
stamp="$ROOT/.venv/.browser-stamp"
fingerprint=$(sha256sum <"$here/requirements.lock" | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null)" = "$fingerprint" ] && exit 0
say "installing the browser's driver"
"$ROOT/.venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$here/requirements.lock"
echo "$fingerprint" >"$stamp"
