"""Paths as Hadoop, Spark and this job write them."""

from __future__ import annotations

from urllib.parse import unquote


def relative(path: str, root: str) -> str:
    """The part of a file's path below `root`; both may be written file:/x or file:///x."""
    plain, base = _without_authority_slashes(path), _without_authority_slashes(root)
    if not plain.startswith(base + "/"):
        raise ValueError(f"{path} is not below {root}")
    return plain[len(base) + 1 :]


def relative_origin(origin: str, root: str) -> str:
    """The same for the origin that Spark's image reader reports: a URL with its special characters quoted."""
    return relative(unquote(origin), root)


def local_path(uri: str) -> str:
    """The path of a file: URI on this node, as Hadoop takes it: a percent sign is itself."""
    return _without_authority_slashes(uri)[len("file:") :]


def escape_glob(uri: str) -> str:
    """The URI with the characters that Hadoop's globs give a meaning taken literally."""
    return "".join("\\" + character if character in "{}[]*?\\" else character for character in uri)


def needs_quoting(path: str) -> bool:
    """Whether a path looks different as a URL, as it does with a space, a percent sign or a bracket in it."""
    return not all(character.isalnum() or character in "_-.!~'(),;:$&+=@/" for character in path)


def hidden(image: str) -> bool:
    """Whether a file is Hadoop's own, not input: a name on its way starts with a dot or an underscore."""
    return any(step.startswith((".", "_")) for step in image.split("/"))


def _without_authority_slashes(uri: str) -> str:
    return "file:/" + uri[len("file:") :].lstrip("/") if uri.startswith("file:") else uri
