#!/usr/bin/env bash
# Makes sure a Docker engine with Compose v2 and Buildx answers. An engine that is there is left alone.
# Idempotent; every step says what it does and is skipped when done.
# Exit status: 0 ready, 3 this host cannot run the project.
set -euo pipefail
. "$(dirname "$0")/common.sh"
one_at_a_time

require_x86_64_linux() {
    [ "$(uname -s)" = Linux ] || refuse "this is $(uname -s); an x86-64 Linux host is needed"
    [ "$(uname -m)" = x86_64 ] || refuse "this processor is $(uname -m); x86_64 is needed (OpenVINO's kernels are x86-64)"
}

engine_answers() { docker info >/dev/null 2>&1; }

install_engine() {
    command -v dockerd >/dev/null && [ -x "$(command -v iptables || echo /usr/sbin/iptables)" ] && return
    say "installing the Docker engine (docker.io, iptables)"
    install_packages docker.io iptables
}

start_engine() {
    if [ -d /run/systemd/system ]; then
        say "starting the Docker engine with systemd"
        as_root systemctl start docker
    else
        say "starting the Docker engine (log: $STATE/dockerd.log)"
        # setsid: the engine must outlive the terminal and the Ctrl-C of the command that started it. It must not
        # hold the set-up's lock (9) as long as it lives.
        as_root sh -c "setsid dockerd >>'$STATE/dockerd.log' 2>&1 </dev/null 9>&- &"
    fi
    local deadline=$((SECONDS + 60))
    until as_root docker info >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || refuse "the Docker engine did not answer within 60 s; last lines of its log:
$(tail -n 5 "$STATE/dockerd.log" 2>/dev/null || as_root journalctl -u docker -n 5 2>/dev/null)"
        sleep 0.5
    done
    engine_answers || refuse "the engine runs, but $(id -un) may not use it: add the user to the group 'docker' and log in again"
}

# Debian 12 has neither plugin; Debian 13's packages hold static binaries. They are unpacked for this user
# only, without adding a suite to the host's package sources.
install_plugins_from_debian_13() {
    local apt="$STATE/apt-trixie" plugins="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/unpacked" "$plugins"
    echo "deb [signed-by=$(debian_keyring)] $(debian_mirror) trixie main" >"$apt/sources.list"
    # Some images of Debian have a hook that empties the system's cache, which another user may not.
    echo '#clear APT::Update::Post-Invoke;' >"$apt/apt.conf"
    local options=(-c "$apt/apt.conf" -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=-"
                   -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache::archives=$apt/archives" -o "APT::Sandbox::User=root")
    say "fetching Compose v2 and Buildx from Debian 13"
    apt-get "${options[@]}" -qq update
    (cd "$apt/archives" && apt-get "${options[@]}" -qq download docker-compose docker-buildx)
    for package in "$apt"/archives/*.deb; do dpkg -x "$package" "$apt/unpacked"; done
    cp "$apt"/unpacked/usr/libexec/docker/cli-plugins/docker-{compose,buildx} "$plugins/"
    rm -rf "$apt"
}

install_plugins() {
    docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1 && return
    . /etc/os-release
    case "$ID" in
        debian) install_plugins_from_debian_13 ;;
        ubuntu) say "installing Compose v2 and Buildx"; install_packages docker-compose-v2 docker-buildx ;;
        *) refuse "'docker compose' or 'docker buildx' is missing; install both plugins by the ways of $PRETTY_NAME" ;;
    esac
    docker compose version >/dev/null 2>&1 || refuse "'docker compose version' still fails after the installation"
    docker buildx version >/dev/null 2>&1 || refuse "'docker buildx version' still fails after the installation"
}

require_x86_64_linux
engine_answers || { install_engine; engine_answers || start_engine; }
install_plugins
say "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short), buildx $(docker buildx version | cut -d' ' -f2)"
