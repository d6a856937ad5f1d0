"""Paths that a Compose file names, as paths of the subject; remote places are told apart and never fetched."""

from __future__ import annotations

import posixpath
import re

_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+://|^git@|\.git(#.*)?$|^github\.com/", re.IGNORECASE)


def is_remote(path: str) -> bool:
    """Whether this names a place on a network rather than a file."""
    return bool(_REMOTE.search(path))


def is_outside(path: str) -> bool:
    """Whether this leads out of the subject: absolute, of a home directory, or above the root."""
    return path.startswith(("/", "~", "../")) or path == ".."


def resolved(base: str, path: str) -> str:
    """A path relative to a directory of the subject, from the subject's root; absolute ones stay as they are."""
    if path.startswith(("/", "~")) or is_remote(path):
        return path
    return posixpath.normpath(posixpath.join(base, path))
