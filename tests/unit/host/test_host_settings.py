"""The host's settings for image builds, from files of a home that the test makes."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from experiments.host import settings
from experiments.host.command import Completed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and nothing of this host's."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("INDEX_URL", "EXTRA_INDEX_URL", "TRUSTED_HOST", "TIMEOUT"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(
        settings, "_PIP_FILES", ("~/.config/pip/pip.conf", "~/.pip/pip.conf", str(tmp_path / "etc-pip"))
    )
    monkeypatch.setattr(settings, "_CERTIFICATES", tmp_path / "certificates")
    monkeypatch.setattr(settings, "_FOLDER", tmp_path / "state")
    monkeypatch.setattr(settings, "run", lambda arguments: Completed(tuple(arguments), 0, "", ""))
    return folder


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pip() -> dict[str, list[str]]:
    """The rendered pip.conf as pip would read it."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(settings._pip())
    return {key: value.split() for key, value in parser["global"].items()} if parser.has_section("global") else {}


def test_a_host_without_settings_has_none() -> None:
    assert (settings._pip(), settings._maven(), settings._apt(), settings._certificates()) == ("", "", "", "")


def test_pips_file_is_taken_without_what_a_build_has_no_use_for(home: Path) -> None:
    put(home / ".config/pip/pip.conf", "[global]\nindex-url = https://index.example/simple\nquiet = 2\n[list]\na = b\n")
    assert pip() == {"index-url": ["https://index.example/simple"]}


def test_the_nearer_file_wins_key_by_key(home: Path, tmp_path: Path) -> None:
    put(home / ".config/pip/pip.conf", "[global]\nindex-url = https://near.example/\n")
    put(home / ".pip/pip.conf", "[global]\nindex-url = https://old.example/\ntimeout = 9\n")
    put(tmp_path / "etc-pip", "[global]\nindex-url = https://far.example/\ntimeout = 5\ntrusted-host = far.example\n")
    assert pip() == {"index-url": ["https://near.example/"], "timeout": ["9"], "trusted-host": ["far.example"]}


def test_the_environment_wins_over_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / ".pip/pip.conf", "[global]\nindex-url = https://file.example/\ntimeout = 9\n")
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example/")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a.example/ https://b.example/")
    assert pip() == {
        "index-url": ["https://variable.example/"],
        "timeout": ["9"],
        "extra-index-url": ["https://a.example/", "https://b.example/"],
    }


def test_a_percent_sign_in_an_address_is_no_reference(home: Path) -> None:
    put(home / ".pip/pip.conf", "[global]\nindex-url = https://me%40work:p%25@index.example/\n")
    assert pip() == {"index-url": ["https://me%40work:p%25@index.example/"]}


def test_mavens_file_goes_as_it_is(home: Path) -> None:
    put(home / ".m2/settings.xml", "<settings><mirrors/></settings>\n")
    assert settings._maven() == "<settings><mirrors/></settings>\n"


def test_of_apt_only_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    dump = (
        'APT::Architecture "amd64";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::https::Proxy "http://proxy.example:3128";\n'
        'Acquire::http::Proxy::mirror.example "DIRECT";\n'
        'Acquire::http::Proxy-Auto-Detect "/bin/x";\n'
        'Acquire::Retries "3";\n'
    )
    monkeypatch.setattr(settings, "run", lambda arguments: Completed(tuple(arguments), 0, dump, ""))
    monkeypatch.setattr(settings.Path, "exists", lambda _: True)
    assert settings._apt().splitlines() == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::https::Proxy "http://proxy.example:3128";',
        'Acquire::http::Proxy::mirror.example "DIRECT";',
    ]


def test_a_host_without_apt_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.Path, "exists", lambda _: False)
    monkeypatch.setattr(settings, "run", lambda _: pytest.fail("asked"))
    assert settings._apt() == ""


def test_certificates_are_joined_by_name_and_change_the_fingerprint(tmp_path: Path) -> None:
    none = settings.certificates_fingerprint()
    put(tmp_path / "certificates/b.crt", "B")
    put(tmp_path / "certificates/deep/a.crt", "A\n\n")
    put(tmp_path / "certificates/readme.txt", "no certificate")
    assert settings._certificates() == "B\nA\n"
    one = settings.certificates_fingerprint()
    put(tmp_path / "certificates/b.crt", "B2")
    assert len({none, one, settings.certificates_fingerprint()}) == 3


def test_what_is_set_becomes_secrets_that_only_their_owner_reads(home: Path, tmp_path: Path) -> None:
    put(home / ".m2/settings.xml", "<settings><password>secret</password></settings>")
    options = settings.build_options()
    stored = tmp_path / "state" / "settings.xml"
    assert f"id=settings.xml,src={stored}" in options
    assert "secret" in stored.read_text()
    assert stored.stat().st_mode & 0o077 == 0
    assert not any("secret</" in option or "pip.conf" in option for option in options)


def test_a_setting_that_is_gone_leaves_no_secret_behind(home: Path, tmp_path: Path) -> None:
    put(home / ".m2/settings.xml", "<settings/>")
    settings.build_options()
    (home / ".m2/settings.xml").unlink()
    assert not any("settings.xml" in option for option in settings.build_options())
    assert (tmp_path / "state" / "settings.xml").read_text() == ""


def test_proxies_reach_the_build_in_both_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://upper.example:1")
    monkeypatch.setenv("http_proxy", "http://lower.example:1")
    monkeypatch.setenv("HTTP_PROXY", "http://not-this.example:1")
    given = [option for option in settings.build_options() if "proxy" in option.lower()]
    assert sorted(given) == [
        "HTTPS_PROXY=http://upper.example:1",
        "HTTP_PROXY=http://lower.example:1",
        "http_proxy=http://lower.example:1",
        "https_proxy=http://upper.example:1",
    ]
