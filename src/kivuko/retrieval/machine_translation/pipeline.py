"""Run a chain of programs, each reading what the one before it writes; no shell, and never longer than allowed."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from kivuko.errors import InputError


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
