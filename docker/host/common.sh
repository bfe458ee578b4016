# Shared by the scripts of this folder; sourced, never run.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
STATE="$ROOT/.clusterbed"
mkdir -p "$STATE"

say() { printf 'setup: %s\n' "$*" >&2; }

# Status 3: this host cannot do it.
refuse() { printf 'setup: %s\n' "$*" >&2; exit 3; }

# Two set-ups at once, of one clone or of several, would install the same things into the same places. The lock is
# the user's, ends with the process, and is passed on to the scripts this one calls.
one_at_a_time() {
    [ -z "${CLUSTERBED_SETUP:-}" ] || return 0
    exec 9>"${TMPDIR:-/tmp}/clusterbed-setup-$(id -u).lock"
    flock -n 9 || { say "waiting for another set-up of this machine to end"; flock 9; }
    export CLUSTERBED_SETUP=locked
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else refuse "root is needed for: $*; run this as root, or install sudo"
    fi
}

install_packages() {
    command -v apt-get >/dev/null || refuse "missing: $*; this host has no apt-get, install them by its own ways"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >&2
}

# The Debian mirror the host itself uses, so that what works for it works for the images. Empty where the host is
# not a Debian: the tools' own default is used then. DEBIAN_MIRROR sets another.
debian_mirror() {
    if [ -n "${DEBIAN_MIRROR:-}" ]; then echo "$DEBIAN_MIRROR"; return; fi
    grep -qs '^ID=debian' /etc/os-release || return 0
    # A new machine may have no package lists yet, and then names no mirror.
    [ -n "$(mirrors_of_apt)" ] || as_root apt-get -qq update >&2
    mirrors_of_apt | head -n 1
}

mirrors_of_apt() { apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -E '/debian/?$' || true; }

debian_keyring() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e "$keyring" ] || install_packages debian-archive-keyring
    echo "$keyring"
}
