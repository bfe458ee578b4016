#!/usr/bin/env bash
# base-image.sh SUITE: makes the local image clusterbed/debian:SUITE, by pulling debian:SUITE-slim or, where
# no image registry answers, by debootstrap. Skipped when the image is there.
set -euo pipefail
. "$(dirname "$0")/common.sh"
suite="${1:?usage: base-image.sh SUITE}"
image="clusterbed/debian:$suite"

docker image inspect "$image" >/dev/null 2>&1 && exit 0

if timeout 120 docker pull -q "debian:$suite-slim" >/dev/null 2>&1; then
    say "$image: pulled"
    docker tag "debian:$suite-slim" "$image"
    exit 0
fi

say "$image: no registry answers; building it with debootstrap"
command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] || install_packages debootstrap
root=$(mktemp -d "$STATE/debootstrap-$suite.XXXXXX")
trap 'as_root rm -rf "$root"' EXIT
log="$STATE/debootstrap-$suite.log"
as_root "$(command -v debootstrap || echo /usr/sbin/debootstrap)" --variant=minbase --keyring="$(debian_keyring)" \
    "$suite" "$root" $(debian_mirror) >"$log" 2>&1 || refuse "debootstrap $suite failed; its last lines:
$(tail -n 5 "$log")"
# Security updates come from the same mirror, beside the suite itself.
as_root sed -i -E "s,^(deb (\S+/debian)/? $suite main).*,\1\ndeb \2-security $suite-security main," "$root/etc/apt/sources.list"
as_root rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
as_root tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$image" >/dev/null
say "$image: imported"
