"""Find Apertium's programs and the data of a pair: installed ones, or Debian's packages from the cache, without root.

The packages' programs and libraries are put together in a folder of their own (artefact kind ``apertium``) and
run from there. A pair's ``.mode`` file is a shell line that names the programs and their files; it is read
here as a list of commands, so no shell is needed and every path can be moved.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kivuko.artifact import cache_folder, is_complete, read_manifest, write_artifact
from kivuko.errors import FetchError
from kivuko.packages import fetch_archive, package_version, read_deb, read_dependencies

KIND = "apertium"
_DATA = "/usr/share/apertium"
_WANTED = rf"^usr/(bin/[^/]+|lib/.*lib[^/]+\.so[^/]*|{_DATA.removeprefix('/usr/')}/.+)$"
# Only the `apertium` shell script and the development tools call these; the modes do not.
_NOT_NEEDED = frozenset({"gawk", "libxml2-utils", "perl", "xsltproc"})


@dataclass(frozen=True)
class Engine:
    """The programs and data of one pair's package.

    Attributes:
        data: the folder that holds ``modes/``.
        programs: folders to search for programs, joined as in ``PATH``.
        libraries: folder of shared libraries, or None where the system's are used.
        origin: what was taken, for results: package names with versions, or the installed program's path.
    """

    data: Path
    programs: str
    libraries: Path | None
    origin: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the programs: UTF-8, their own libraries first."""
        changes = {"PATH": self.programs, "LC_ALL": "C.UTF-8"}
        if self.libraries is not None:
            changes["LD_LIBRARY_PATH"] = str(self.libraries)
        return {**os.environ, **changes}

    def commands(self, mode: str) -> list[list[str]]:
        """The programs of a mode with their arguments, in the order of the chain.

        Every program is asked to flush at a null character (``-z``), by which the texts of one call stay
        apart, and the generator (``$1``) to leave out its marks of unknown words (``-n``).

        Raises:
            FetchError: the mode, one of its files or one of its programs is not there.
        """
        file = self.data / "modes" / f"{mode}.mode"
        if not file.is_file():
            raise self._incomplete(f"no mode {mode}", file)
        chain = []
        for step in file.read_text(encoding="utf-8").strip().split("|"):
            program, *arguments = shlex.split(step)
            path = shutil.which(program, path=self.programs)
            if path is None:
                raise self._incomplete(f"no program {program}", file)
            arguments = [self._moved(each) for each in arguments]
            for each in arguments:
                if each.startswith("/") and not Path(each).is_file():
                    raise self._incomplete(f"no file {each}", file)
            # $2 is where a caller may ask the tagger for marks; we never do.
            chain.append(
                [path, "-z", *("-n" if each == "$1" else each for each in arguments if each != "$2")]
            )
        return chain

    def _moved(self, argument: str) -> str:
        inside = argument.startswith(f"{_DATA}/")
        return str(self.data / argument.removeprefix(f"{_DATA}/")) if inside else argument

    def _incomplete(self, got: str, where: Path) -> FetchError:
        return FetchError(
            "this Apertium is incomplete",
            where=where,
            got=f"{got}, in {self.origin}",
            remedy="remove its folder and run again, or install the pair system-wide with apt-get install",
        )


def find_engine(package: str, mode: str) -> Engine:
    """The installed Apertium if it has the mode, else the one put together from Debian packages.

    Args:
        package: Debian package of the pair, such as ``"apertium-eu-en"``.
        mode: the direction, such as ``"eu-en"``.

    Raises:
        FetchError: nothing is installed, and a package cannot be brought.
        StorageError: the disk refused a write.
    """
    installed = shutil.which("apertium")
    if installed is not None:
        data = Path(installed).resolve().parent.parent / "share" / "apertium"
        if (data / "modes" / f"{mode}.mode").is_file():
            return Engine(data, os.environ.get("PATH", os.defpath), None, f"installed {installed}")
    folder = cache_folder() / "apertium" / package
    if not is_complete(folder):
        _assemble(package, folder)
    packages = read_manifest(folder, KIND).meta["packages"]
    programs = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", os.defpath)])
    origin = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
    return Engine(folder / "share" / "apertium", programs, folder / "lib", origin)


def _assemble(package: str, folder: Path) -> None:
    archives = _with_dependencies(package)
    versions = {name: package_version(archive) for name, archive in archives.items()}
    with write_artifact(folder, KIND, meta={"packages": versions}) as building:
        (building / "lib").mkdir()
        for archive in archives.values():
            for path, content in read_deb(archive, _WANTED):
                target = building / _place(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                if target.parent.name == "bin":
                    target.chmod(0o755)


def _place(path: str) -> str:
    """Where a package's file goes; a library under the name that programs ask for (``libx.so.3``, not ``.3.0.0``)."""
    inside = path.removeprefix("usr/")
    if not inside.startswith("lib/"):
        return inside
    return "lib/" + re.sub(r"(\.so\.\d+).*$", r"\1", Path(inside).name)


def _with_dependencies(package: str) -> dict[str, Path]:
    """The archives of a package and of all it needs that is not installed, by name."""
    archives: dict[str, Path] = {}
    waiting = [package]
    while waiting:
        name = waiting.pop()
        if name not in archives:
            archives[name] = fetch_archive(name)
            needs = read_dependencies(archives[name])
            waiting += [need for need in needs if need not in _NOT_NEEDED and not _is_installed(need)]
    return archives


def _is_installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip() == "installed"
