"""Apertium, the rule-based translator: real machine translation that needs no weights and no network model store.

Forcada, Ginestí-Rosell, Nordfalk, O'Regan, Ortiz-Rojas, Pérez-Ortiz, Sánchez-Martínez, Ramírez-Sánchez,
Tyers: "Apertium: a free/open-source platform for rule-based machine translation", Machine Translation 25,
2011, doi:10.1007/s10590-011-9090-0. Pairs and directions stand in ``apertium-pairs.tsv``.

*Its programs and a pair's data* are the installed ones, or Debian's packages from the cache, without root: put
together in a folder of their own (artefact kind ``apertium``) and run from there. A pair's ``.mode`` file is a shell
line that names the programs and their files; it is read here as a list of commands, so no shell is needed, every path
can be moved, and no chain of programs runs longer than allowed.

*The statistical tagger* is run so that no text changes another's analysis. It (seen in 3.8.3) forgets everything at
the null character between texts but one thing: on a word with a set of readings that its training did not see, it
overwrites the readings it assumes for unknown words, for good (``find_similar_ambiguity_class`` assigns through a
reference to them). Every later text is then tagged differently: in Galician, 12 of 60 help paragraphs. So the texts
with such a word, which the tagger names when asked for warnings, are tagged by a process of their own each, and all
others together.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO

from kivuko.artifact import cache_folder, is_complete, read_manifest, write_artifact
from kivuko.errors import FetchError, InputError
from kivuko.languages import Language, resolve
from kivuko.packages import fetch_archive, package_version, read_deb, read_dependencies

KIND = "apertium"
SECONDS = 900.0
_TAGGER = "apertium-tagger"
_SPECIAL = re.compile(r"([\[\]{}^$/\\@<>])")
# The engine's own mark of a text's end: a full stop for the tagger, and a blank that tells it from a real one.
_END = ".[]"
_DATA = "/usr/share/apertium"
_WANTED = rf"^usr/(bin/[^/]+|lib/.*lib[^/]+\.so[^/]*|{_DATA.removeprefix('/usr/')}/.+)$"
# Only the `apertium` shell script and the development tools call these; the modes do not.
_NOT_NEEDED = frozenset({"gawk", "libxml2-utils", "perl", "xsltproc"})
_NEW_READINGS = re.compile(r"A new ambiguity class was found.*\n.*\nWord '(.*)'\.$", re.MULTILINE)
_SURFACE = re.compile(r"\^((?:[^/\\]|\\.)*)/")


@dataclass(frozen=True)
class ApertiumPair:
    """A direction that Debian has a package for: Debian package and the mode in it."""

    source: Language
    target: Language
    package: str
    mode: str


@functools.cache
def apertium_pairs() -> tuple[ApertiumPair, ...]:
    """Every declared direction, in the order of the table."""
    table = resources.files(__package__).joinpath("apertium-pairs.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    return tuple(ApertiumPair(resolve(s), resolve(t), package, mode) for s, t, package, mode in rows)


class ApertiumTranslator:
    """Apertium for one direction. A word it does not know stays as it is, without a mark.

    Args:
        source: language of the texts.
        target: language of the translations.
        seconds: how long one call of :meth:`translate` may take.

    Raises:
        InputError: there is no such pair.
        FetchError: Apertium is not installed and its packages cannot be brought.
        StorageError: the disk refused a write.
    """

    def __init__(self, source: Language, target: Language, *, seconds: float = SECONDS) -> None:
        self.source, self.target = source, target
        pair = _pair(source, target)
        engine = find_engine(pair.package, pair.mode)
        self.name = f"Apertium {pair.mode}"
        #: The packages with their versions, or the installed program, for results.
        self.origin = engine.origin
        self._commands = engine.commands(pair.mode)
        self._environment = engine.environment
        self._seconds = seconds

    def translate(self, texts: Sequence[str]) -> list[str]:
        """One translation a text, all by one run of the engine's programs; line ends become spaces.

        Raises:
            InputError: a program fails, does not finish in time, or loses a text.
        """
        given = [" ".join(text.replace("\0", " ").split()) for text in texts]
        asked = [i for i, text in enumerate(given) if text]
        translations = [""] * len(given)
        if not asked:
            return translations
        data = "".join(_SPECIAL.sub(r"\\\1", given[i]) + _END + "\0" for i in asked).encode()
        output = self._run(data).decode()
        found = output.split("\0")
        if len(found) <= len(asked) or any(rest.strip() for rest in found[len(asked) :]):
            raise InputError(
                "Apertium did not keep the texts apart",
                where=self.name,
                expected=f"{len(asked)} translations, each with its end",
                got=f"{output.count(chr(0))}, then {found[-1][:60]!r}",
                remedy="translate the texts in smaller groups to find the one it stumbles over",
            )
        for i, text in zip(asked, found, strict=False):
            translations[i] = _plain(text)
        return translations

    def _run(self, data: bytes) -> bytes:
        """The whole chain; the tagger takes a part of its own, see :func:`tag_apart`."""
        end = time.monotonic() + self._seconds
        for is_tagger, steps in itertools.groupby(self._commands, lambda each: Path(each[0]).name == _TAGGER):
            part, seconds = list(steps), end - time.monotonic()
            if is_tagger:
                data = tag_apart(part[0], data, environment=self._environment, seconds=seconds)
            else:
                data = run_pipeline(part, data, environment=self._environment, seconds=seconds).output
        return data


def _plain(text: str) -> str:
    """A text without the engine's end mark and escapes."""
    whole = text.strip().removesuffix(_END)
    whole = re.sub(r"(?<!\\)\[\]", "", whole)
    return re.sub(r"\\(.)", r"\1", whole).strip()


def _pair(source: Language, target: Language) -> ApertiumPair:
    for pair in apertium_pairs():
        if (pair.source, pair.target) == (source, target):
            return pair
    known = ", ".join(f"{pair.source.short}-{pair.target.short}" for pair in apertium_pairs())
    raise InputError(
        f"Debian has no Apertium from {source.name} into {target.name}",
        expected=f"one of {known}",
        got=f"{source.short}-{target.short}",
        remedy="use a probabilistic lexicon (QueryTranslator) for this pair",
    )


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


@dataclass(frozen=True)
class Finished:
    """What the last program wrote, and what all of them said on standard error."""

    output: bytes
    complaints: str


def run_pipeline(
    commands: Sequence[Sequence[str]], data: bytes, *, environment: Mapping[str, str], seconds: float
) -> Finished:
    """Run the programs to their ends, the first one reading ``data``.

    Args:
        commands: program and arguments of each step, at least one; run as they are.
        data: standard input of the first.
        environment: the programs' environment.
        seconds: how long the whole chain may take.

    Raises:
        InputError: a program cannot be started, fails, or the time is over; all of them are ended by then.
    """
    processes: list[subprocess.Popen[bytes]] = []
    end = time.monotonic() + seconds
    # Files on both ends: with pipes there, a program that stops reading could block us for ever.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(data)
        given.seek(0)
        try:
            source: IO[bytes] = given
            for command in commands:
                process = _start(command, source, complaints, environment)
                processes.append(process)
                source.close()  # the child has it; ours would keep a pipe open that nobody reads
                assert process.stdout is not None  # a pipe was asked for
                source = process.stdout
            output, _ = processes[-1].communicate(timeout=max(0.0, end - time.monotonic()))
            codes = [process.wait(timeout=max(0.1, end - time.monotonic())) for process in processes]
        except subprocess.TimeoutExpired as error:
            raise InputError(
                "the translation programs did not finish in time",
                where=" | ".join(command[0] for command in commands),
                expected=f"an end within {seconds:g} seconds",
                got=f"{len(data):,} bytes to translate",
                remedy="allow more seconds, or translate fewer texts in one call",
            ) from error
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                if process.stdout is not None:
                    process.stdout.close()
        complaints.seek(0)
        said = complaints.read().decode("utf-8", "replace")
    _check_ends(commands, codes, said)
    return Finished(output, said)


def _start(
    command: Sequence[str], source: IO[bytes], complaints: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, stdin=source, stdout=subprocess.PIPE, stderr=complaints, env=dict(environment)
        )
    except OSError as error:
        raise InputError(
            "a translation program cannot be started",
            where=command[0],
            got=error.strerror or str(error),
            remedy="check that it may be executed: a cache on a disk mounted noexec cannot hold programs "
            "(KIVUKO_CACHE chooses another)",
        ) from error


def _check_ends(commands: Sequence[Sequence[str]], codes: Sequence[int], complaints: str) -> None:
    # A program that fails makes those before it end by SIGPIPE: the culprit is the first that did not.
    failed = [i for i, code in enumerate(codes) if code not in (0, -signal.SIGPIPE)]
    if failed or any(codes):
        first = failed[0] if failed else next(i for i, code in enumerate(codes) if code)
        said = complaints.strip().splitlines()[-4:]
        raise InputError(
            "a translation program failed",
            where=" ".join(commands[first]),
            expected="exit status 0",
            got="\n       ".join([f"exit status {codes[first]}", *said]),
            remedy="if a library is missing, install the translator system-wide, for example: "
            "apt-get install apertium",
        )


def tag_apart(
    command: Sequence[str], data: bytes, *, environment: Mapping[str, str], seconds: float
) -> bytes:
    """What the tagger makes of each text when it reads that text alone.

    Args:
        command: the tagger and its arguments; its last one is a file.
        data: analysed texts, each ended by a null character.
        environment: of the program.
        seconds: how long all of it may take.

    Raises:
        InputError: the program fails, or the time is over.
    """
    end = time.monotonic() + seconds

    def run(texts: Sequence[bytes], *options: str) -> tuple[list[bytes], str]:
        given = b"".join(text + b"\0" for text in texts)
        done = run_pipeline(
            [[command[0], *options, *command[1:]]],
            given,
            environment=environment,
            seconds=end - time.monotonic(),
        )
        return done.output.split(b"\0")[: len(texts)], done.complaints

    texts = data.split(b"\0")[: data.count(b"\0")]
    tagged, complaints = run(texts, "-d")
    spoiling = set(_NEW_READINGS.findall(complaints))
    if not spoiling:
        return b"".join(text + b"\0" for text in tagged)
    apart = [i for i, text in enumerate(texts) if not spoiling.isdisjoint(_SURFACE.findall(text.decode()))]
    alone = {i: run([texts[i]])[0][0] for i in apart}
    together = [i for i in range(len(texts)) if i not in alone]
    alone.update(zip(together, run([texts[i] for i in together])[0], strict=True))
    return b"".join(alone[i] + b"\0" for i in range(len(texts)))
