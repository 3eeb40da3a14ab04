"""Importing running text: what is kept and counted, and that an interrupted import ends as if it had not been."""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
import lzma
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from typer.testing import CliRunner

from kivuko.artifact import read_manifest, write_artifact
from kivuko.cli.main import app
from kivuko.collections.counts import DropReport
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import resolve
from kivuko.readers import text_import
from kivuko.readers.running_text import KIND, TextFilter, Unit, read_monolingual, texts_of_file
from kivuko.readers.text_import import import_text

OROMO = resolve("om")
SUN = "aduun barii keessa ifa guddaa qabdi"
RAIN = "bokkaan ganama kana cimaa roobe jira"
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda raw: raw,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


class KilledError(Exception):
    """What stands for a kill."""


def jsonl(path: Path, *records: object) -> Path:
    raw = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    path.write_bytes(PACK[path.suffix if path.suffix in PACK else ""](raw))
    return path


def mc4(text: str) -> dict[str, Any]:
    return {"text": text, "timestamp": "2019-04-20T12:00:00Z", "url": "x"}


def old_oscar(text: str) -> dict[str, Any]:
    return {"id": 0, "text": text, "meta": {"warc_headers": {"content": "no text"}}}


def oscar_23(text: str) -> dict[str, Any]:
    return {
        "content": text,
        "warc_headers": {"warc-record-id": "<urn:uuid:0>", "content-type": "text/plain", "text": "no"},
        "metadata": {"identification": {"label": "om", "prob": 0.9}, "harmful_pp": None, "categories": None},
    }


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Four files in all layouts, 25 different texts with copies, short ones and foreign ones in between."""
    folder = tmp_path / "corpus"
    (folder / "sub").mkdir(parents=True)
    texts = [f"{SUN} guyyaa {number}" for number in range(14)]
    mixed = [text for each in texts for text in (each, "gabaabaa", each.upper())]
    jsonl(folder / "c4-om.tfrecord-00000-of-00001.json.gz", *map(mc4, mixed[:21]))
    jsonl(
        folder / "om_part_1.jsonl.bz2", *map(old_oscar, [*mixed[21:], "солнце светит над рекой каждый день"])
    )
    pages = [f"{RAIN} {n}\n\n{SUN} guyyaa {n}\n\nxiqqoo\n\n{RAIN} lafa {n}" for n in range(4)]
    jsonl(folder / "om_meta_part_1.jsonl.zst", *map(oscar_23, pages))
    raw = "\n\n\n".join([f"{RAIN} waggaa {n}\nsarara lammaffaa" for n in range(3)]).encode()
    (folder / "sub" / "plain.txt.xz").write_bytes(lzma.compress(raw))
    (folder / "sha256.txt.asc").write_bytes(b"none")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def parts(output: Path) -> int:
    """How many source files an interrupted import has read."""
    return len(list((output.with_name(f".{output.name}.importing") / "parts").glob("[!.]*")))


def run(
    corpus: Path, output: Path, *, unit: Unit = "paragraph", shard_size: int = 5, **rules: Any
) -> DropReport:
    keep = TextFilter(**{"language": OROMO, **rules})
    return import_text(corpus, output, keep, unit=unit, shard_size=shard_size)


def test_what_is_kept_dropped_and_written(tmp_path: Path, corpus: Path) -> None:
    report = run(corpus, tmp_path / "out")
    assert report.kept == 14 + 8 + 3
    assert report.reasons == {
        "file that is neither plain text nor JSON lines": 1,
        "fewer than 5 words": 14 + 4,
        "duplicate": 14 + 4,
        "mostly not in the script Latn": 1,
    }
    manifest = read_manifest(tmp_path / "out", KIND, verify=True)
    assert sorted(manifest.files) == [f"texts-{number:05d}.jsonl" for number in range(5)]
    assert manifest.meta["counts"] == {"texts": report.as_json()}
    assert "tmp" not in json.dumps(dict(manifest.meta))  # nothing of where or when it was made
    texts = list(read_monolingual(tmp_path / "out", "om", DropReport()))
    assert texts == list(read_monolingual(corpus, "om", DropReport(), unit="paragraph"))
    assert texts[-1] == f"{RAIN} waggaa 2 sarara lammaffaa"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["corpus", "out"]


@pytest.mark.parametrize("killed_at", range(1, 43))
def test_killed_at_any_text_it_resumes_to_the_same_bytes(
    tmp_path: Path, corpus: Path, killed_at: int
) -> None:
    """Also right after a file was read: the next text that is judged is the first of the next one."""
    judged: list[str] = []
    stop = 0

    def identify(text: str) -> bool:
        judged.append(text)
        if len(judged) == stop:
            raise KilledError
        return "guyyaa 3" not in text

    whole = run(corpus, tmp_path / "whole", in_language=identify)
    in_all, stop = list(judged), killed_at
    judged.clear()
    with pytest.raises(KilledError):
        run(corpus, tmp_path / "out", in_language=identify)
    assert not (tmp_path / "out").exists()
    read = parts(tmp_path / "out")
    stop = 0
    judged.clear()
    assert run(corpus, tmp_path / "out", in_language=identify) == whole
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    # 14 texts of the first file are asked about, 12 of the second, 14 of the third and 3 of the last; files that were
    # read are not asked about again.
    before = [0, 14, 26, 40]
    assert read == max(number for number, asked in enumerate(before) if asked < killed_at)
    assert judged == in_all[before[read] :]


def test_killed_again_and_again(tmp_path: Path, corpus: Path) -> None:
    run(corpus, tmp_path / "whole", in_language=lambda _: True)
    left = 0

    def identify(_: str) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError
        return True

    tries = 0
    while not (tmp_path / "out").exists():
        tries, left = tries + 1, 14
        try:
            run(corpus, tmp_path / "out", in_language=identify)
        except KilledError:
            continue
    assert tries > 2
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_killed_at_any_write(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of parts, of the inputs beside them, of the artefact: what was placed is used, the rest made again."""
    whole = run(corpus, tmp_path / "whole")
    real, calls, last = os.replace, 0, 0

    def killing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == last:
            raise KilledError
        real(*arguments)

    for last in itertools.count(1):
        calls, out = 0, tmp_path / f"out-{last}"
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killing)
            try:
                run(corpus, out)
            except KilledError:
                assert not out.exists()
        if calls < last:
            break
        assert run(corpus, out) == whole
        assert tree(out) == tree(tmp_path / "whole")
    assert last > 6


def test_a_real_kill(tmp_path: Path, corpus: Path) -> None:
    run(corpus, tmp_path / "whole", in_language=lambda _: True)
    program = (
        "import os, signal, sys\nfrom kivuko.languages import resolve\n"
        "from kivuko.readers.running_text import TextFilter\n"
        "from kivuko.readers.text_import import import_text\nleft = [35]\n"
        "def identify(text):\n    left[0] -= 1\n"
        "    if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n    return True\n"
        "keep = TextFilter(resolve('om'), in_language=identify)\n"
        "import_text(sys.argv[1], sys.argv[2], keep, unit='paragraph', shard_size=5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, corpus, tmp_path / "out"], check=False, env=os.environ
    )
    assert done.returncode == -signal.SIGKILL
    assert parts(tmp_path / "out") == 2
    run(corpus, tmp_path / "out", in_language=lambda _: True)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert not (tmp_path / ".out.importing").exists()


def killed_at_the_end(_: Path, texts: Iterator[str], __: int) -> None:
    list(texts)
    raise KilledError


@pytest.mark.parametrize("change", ["language", "unit", "words", "content", "time", "identified", "shards"])
def test_other_settings_or_sources_do_not_mix_with_what_is_there(
    tmp_path: Path, corpus: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_import, "_write_shards", killed_at_the_end)
    with pytest.raises(KilledError):
        run(corpus, tmp_path / "out")
    monkeypatch.undo()
    options: dict[str, Any] = {
        "unit": {"unit": "line"},
        "words": {"fewest_words": 4},
        "language": {"language": resolve("sw")},
        "identified": {"in_language": lambda _: True},
        "shards": {"shard_size": 6},
    }.get(change, {})
    file = corpus / "om_part_1.jsonl.bz2"
    if change == "content":
        jsonl(file, mc4(SUN))
    elif change == "time":
        os.utime(file, ns=(1, 1))
    with pytest.raises(ArtifactError, match=r"other settings[\s\S]*remove .*\.out\.importing"):
        run(corpus, tmp_path / "out", **options)


def test_a_damaged_source_stops_it_and_can_be_mended(tmp_path: Path) -> None:
    records = [mc4(f"{SUN} guyyaa {number}") for number in range(8)]
    source = jsonl(tmp_path / "om.jsonl", *records)
    good = source.read_text(encoding="utf-8")
    source.write_text(good.replace("guyyaa 6", 'guyyaa "6'), encoding="utf-8")
    with pytest.raises(InputError, match="not JSON") as caught:
        import_text(source, tmp_path / "out", TextFilter(OROMO), shard_size=3)
    assert caught.value.where == f"{source}:7"
    assert not (tmp_path / "out").exists()
    source.write_text(good, encoding="utf-8")
    assert import_text(source, tmp_path / "out", TextFilter(OROMO), shard_size=3).kept == 8


def test_nothing_left_and_something_else_there(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(InputError, match=r"no text in Khmer is left[\s\S]*mostly not in the script Khmr"):
        import_text(corpus, tmp_path / "out", TextFilter(resolve("km")))
    assert not (tmp_path / ".out.importing").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="will not replace"):
        run(corpus, tmp_path / "mine")
    with write_artifact(tmp_path / "lexicon", "lexicon") as folder:
        (folder / "lexicon.tsv").write_text("x")
    with pytest.raises(ArtifactError, match="something else"):
        run(tmp_path / "lexicon", tmp_path / "out")


@pytest.mark.parametrize("name", ["a.txt.gz", "a.jsonl.zst"])
def test_what_a_text_is(tmp_path: Path, name: str) -> None:
    texts = ["\none\ntwo\n\n \nthree\n\n\nfour\nfive", "six", "", "seven\n\neight\n"]
    path = tmp_path / name
    if ".txt" in name:
        path.write_bytes(gzip.compress("\n\n".join(texts).encode()))
    else:
        jsonl(path, *({"text": text} for text in texts))
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    assert list(texts_of_file(path, "line")) == words
    assert list(texts_of_file(path, "paragraph")) == ["one\ntwo", "three", "four\nfive", *words[5:]]
    whole = ["\n\n".join(texts).removesuffix("\n")] if ".txt" in name else texts
    assert list(texts_of_file(path, "document")) == whole


def test_half_characters_are_dropped(tmp_path: Path) -> None:
    source = tmp_path / "om.jsonl"
    source.write_text(json.dumps(mc4(f"{SUN} \ud83d")) + "\n" + json.dumps(mc4(f"{SUN} 😀")) + "\n")
    assert import_text(source, tmp_path / "out", TextFilter(OROMO)).reasons == {"half a character": 1}
    assert [*read_monolingual(tmp_path / "out", "om", DropReport())] == [f"{SUN} 😀"]


def test_the_verb_shows_what_was_dropped(tmp_path: Path, corpus: Path) -> None:
    english = "The quick brown fox jumps over the lazy dog while people are watching it from the house"
    jsonl(corpus / "z.json.gz", mc4(english))
    arguments = ["data", "import-text", str(corpus), "--language", "Oromo", "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, "--unit", "paragraph", "--no-identify"])
    assert done.exit_code == 0, done.output
    assert "−18" in done.output
    assert "neither plain text nor JSON lines" in done.output
    manifest = read_manifest(tmp_path / "out", KIND)
    assert manifest.meta["language"] == "orm-Latn"
    assert manifest.meta["counts"]["texts"]["after"] == 26
    wrong = CliRunner().invoke(app, [*arguments, "--unit", "page"])
    assert "unknown unit" in str(wrong.exception)
    done = CliRunner().invoke(app, [*arguments, "--unit", "paragraph"])
    assert "not identified as Oromo" in done.output
    manifest = read_manifest(tmp_path / "out", KIND)
    assert manifest.meta["recipe"]["language_identified"] is True
    assert english not in set(read_monolingual(tmp_path / "out", "om", DropReport()))


def test_a_language_that_cannot_be_identified_is_said(tmp_path: Path, corpus: Path) -> None:
    arguments = ["data", "import-text", str(corpus), "--language", "ast", "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "CLD2 does not know Asturian" in done.output
    assert read_manifest(tmp_path / "out", KIND).meta["recipe"]["language_identified"] is False
