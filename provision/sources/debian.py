"""Debian packages by the host's own clients: root file systems by mmdebstrap, packages for a layer by apt.

No mirror is named: mmdebstrap knows Debian's, and apt is given the sources of the image that it fetches for.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.disk import disk_full_told
from provision.processes import ProgramFailed, run
from provision.steps import Say

SUITE = "trixie"
INSTALL = "apt-get install --no-install-recommends mmdebstrap"
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*")
_KEPT = "/usr/share/doc/*/copyright"  # licences ask to go where the software goes
_FETCHING = 1800.0


def root_filesystem(
    packages: Sequence[str], architecture: str, line: Say, cache: Path | None = None, suite: str = SUITE
) -> Path:
    """A tar of a minimal Debian with some more packages, made once per list of packages and user.

    Args:
        packages: beside those that every Debian has.
        architecture: in Debian's words, e.g. ``amd64``.
        line: is given what mmdebstrap says.
        cache: where the tar is kept; the user's own cache when None.
        suite: Debian's name of the release.

    Raises:
        Trouble: mmdebstrap is not there or failed, or the disk is full.
    """
    if not shutil.which("mmdebstrap"):
        raise Trouble("mmdebstrap, which makes the Debian base image, is not on this machine", next_command=INSTALL)
    folder = cache or user_cache_path("soma-verify") / "debian"
    folder.mkdir(parents=True, exist_ok=True)
    options = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT] + [f"--dpkgopt=path-include={_KEPT}"]
    argv = ["mmdebstrap", "--variant=minbase", f"--architectures={architecture}", f"--include={','.join(packages)}"]
    argv += ['--aptopt=Apt::Install-Recommends "false"', *options, suite]
    tar = folder / f"{suite}-{hashlib.sha256(json.dumps(argv).encode()).hexdigest()[:16]}.tar"
    if tar.exists():
        return tar
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as making:
        made = Path(making) / "root.tar"
        with disk_full_told("making the Debian root file system", folder, Path(tempfile.gettempdir())):
            run([*argv, made], on_line=line, timeout=_FETCHING)
        made.replace(tar)
    return tar


def fetch_packages(packages: Sequence[str], system: Path, architecture: str, line: Say) -> Path:
    """Fetch packages, and what they need that a system lacks, and return the folder with the files.

    apt checks them against the signed lists of the system's own sources.

    Args:
        packages: names.
        system: folder that holds the system's ``etc/apt``, ``usr/share/keyrings`` and dpkg ``status``.
        architecture: in Debian's words.
        line: is given what apt says.

    Raises:
        Trouble: apt is not there or failed, or the disk is full.
    """
    if not shutil.which("apt-get"):
        raise Trouble(
            "apt-get, which fetches Debian packages, is not on this machine",
            next_command="nox -s images -- --images pull",
        )
    archives = system / "var" / "cache" / "apt" / "archives"
    for folder in (archives / "partial", system / "var" / "lib" / "apt" / "lists" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    _root_keyrings(system)
    apt = ["apt-get", *(part for option in _options(system, architecture) for part in ("-o", option))]
    chosen = ("--yes", "--download-only", "--no-install-recommends", "install")
    with disk_full_told(f"fetching {', '.join(packages)}", system):
        try:
            run([*apt, "update"], on_line=line, timeout=_FETCHING)
            run([*apt, *chosen, *packages], on_line=line, timeout=_FETCHING)
        except ProgramFailed as failure:
            if "Unable to locate package" in failure.completed.stderr:
                raise Trouble(f"Debian has no such package: {failure.completed.stderr.strip()}") from failure
            raise
    return archives


def _options(system: Path, architecture: str) -> tuple[str, ...]:
    return (
        f"Dir={system}",
        f"Dir::State::status={system / 'status'}",
        "Dir::Cache::pkgcache=",
        "Dir::Cache::srcpkgcache=",
        f"APT::Architecture={architecture}",
        f"APT::Architectures={architecture}",
        "APT::Sandbox::User=root",
        "APT::Update::Post-Invoke=",
        "APT::Update::Error-Mode=any",
        "Dpkg::Use-Pty=false",
    )


def _root_keyrings(system: Path) -> None:
    """Let the sources name the system's own keyrings, not this host's, which may not know its keys."""
    places = [*(system / "apt" / "sources.list.d").glob("*"), system / "apt" / "sources.list"]
    for path in places:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("/usr/share/keyrings", str(system / "keyrings")), encoding="utf-8")
    (system / "etc").mkdir(exist_ok=True)
    (system / "apt").rename(system / "etc" / "apt")
