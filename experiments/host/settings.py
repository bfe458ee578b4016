"""The host's own settings that image builds honour: certificates, proxies, package mirrors.

They reach the builds as BuildKit secrets (files below .clusterbed/host), so that no credential stays in an image.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
from pathlib import Path

from experiments.errors import HostError
from experiments.host.command import run
from experiments.host.paths import STATE

_FOLDER = STATE / "host"
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_PIP_FILES = ("~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf")
_PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "timeout")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def build_options() -> list[str]:
    """Options of `docker buildx build` that carry the host's settings."""
    files = {"ca.crt": _certificates(), "pip.conf": _pip(), "settings.xml": _maven(), "apt.conf": _apt()}
    _FOLDER.mkdir(parents=True, exist_ok=True)
    options = ["--build-arg", f"HOST_CA={certificates_fingerprint()}"]
    for name, text in files.items():
        path = _FOLDER / name
        path.touch(mode=0o600)
        path.write_text(text)
        if text:
            options += ["--secret", f"id={name},src={path}"]
    for name in _PROXIES:
        value = os.environ.get(name) or os.environ.get(name.upper())
        if value:
            options += ["--build-arg", f"{name}={value}", "--build-arg", f"{name.upper()}={value}"]
    return options


def certificates_fingerprint() -> str:
    return hashlib.sha256(_certificates().encode()).hexdigest()[:16]


def _certificates() -> str:
    if not _CERTIFICATES.is_dir():
        return ""
    return "".join(path.read_text().strip() + "\n" for path in sorted(_CERTIFICATES.glob("**/*.crt")))


def _pip() -> str:
    values: dict[str, str] = {}
    for name in (*_PIP_FILES, os.environ.get("PIP_CONFIG_FILE") or os.devnull):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(os.path.expanduser(name))
        except configparser.Error as error:
            raise HostError(f"{name}: cannot be read: {str(error).splitlines()[0]}; mend that file") from None
        if parser.has_section("global"):
            values = {key: parser.get("global", key) for key in _PIP_KEYS if parser.has_option("global", key)} | values
    for key in _PIP_KEYS:
        variable = "PIP_" + key.replace("-", "_").upper()
        if os.environ.get(variable):
            values[key] = os.environ[variable]
    lines = [f"{key} = " + "\n    ".join(value.split()) for key, value in values.items()]
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def _maven() -> str:
    path = Path("~/.m2/settings.xml").expanduser()
    return path.read_text() if path.is_file() else ""


def _apt() -> str:
    """apt's proxy settings of a host that has apt."""
    if not Path("/usr/bin/apt-config").exists():
        return ""
    dump = run(["apt-config", "dump"]).stdout
    return "".join(line + "\n" for line in dump.splitlines() if re.match(r"Acquire::(http|https)::Proxy[ :]", line))
