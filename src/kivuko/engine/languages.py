"""How a language comes into an engine: learnt from translation pairs, or brought ready.

It is made in ``languages/.TAG.building``, part by part, so that a run that was killed goes on with the part it was
at; complete, it gets a name of its own, and the engine's manifest names it in one step. The index is never touched.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.artifact import (
    file_facts,
    hash_json,
    is_complete,
    read_manifest,
    storage_errors,
    try_exclusive,
    write_atomically,
    write_manifest,
)
from kivuko.codeswitch import Lexicon, induce
from kivuko.collections.bitext import Pair
from kivuko.engine import queries
from kivuko.engine import state as layout
from kivuko.engine.state import EngineLanguage, EngineState, Reader, Way, change
from kivuko.errors import InputError, LockedError
from kivuko.files.json_lines import read_jsonl
from kivuko.files.tables import write_jsonl
from kivuko.languages import Language
from kivuko.retrieval.gloss import GLOSS_WEIGHT
from kivuko.text import comparison_key

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.engine.engine import Engine
    from kivuko.models.encoder import ModelLike
    from kivuko.training.optical import OpticalSettings

#: Pairs that are held out to choose and check with: at most so many whose English is a document's title, at most so
#: many others, and never more than this share of all.
_MOST_TITLES, _MOST_OTHERS, _LARGEST_SHARE = 200, 200, 0.2
#: Titles of documents that pairs must translate to be of their domain; of fewer, chance decides what is measured.
_OF_ONE_DOMAIN = 20
_FIELDS = ("id", "english", "foreign", "source")
_FOLDER = re.compile(r"(.+)\.(\d+)")


@dataclass(frozen=True)
class LanguageParts:
    """What a language is made of.

    Attributes:
        pairs: translation pairs of the documents' language and the new one; a student and a lexicon are learnt from
            them unless they are given, and some of them are held out to check with.
        student: a model that reads queries, in the engine's vector space.
        lexicon: translations of words.
        settings: how to train; the defaults of :class:`~kivuko.training.optical.OpticalSettings` otherwise.
        interpolation: how far the student ends from the teacher towards what it was trained to; else what
            ``settings`` say, if that is less than all the way. By default all the way where the pairs translate
            titles of the documents, so that both are of one domain, else half-way, which does less harm on text of
            other domains (docs/results/domains).
        source: where all this came from, in words.
    """

    pairs: Sequence[Pair] = ()
    student: ModelLike | None = None
    lexicon: Lexicon | None = None
    settings: OpticalSettings | None = None
    interpolation: float | None = None
    source: str = ""


def add_language(
    engine: Engine, language: Language, parts: LanguageParts, *, progress: Progress | None = None
) -> None:
    """Make a language of an engine; see :meth:`kivuko.engine.Engine.add_language`."""
    if not (parts.pairs or parts.student or parts.lexicon):
        raise InputError(
            f"there is nothing to learn {language.name} from",
            expected="translation pairs, a lexicon, or a student",
            remedy="give --bitext PAIRS.tsv or --lexicon DICTIONARY",
        )
    from kivuko.engine.quality import measure

    home = engine.path / layout.LANGUAGES
    with try_exclusive(home / language.tag) as free, storage_errors(home):
        if not free:
            raise LockedError(f"another process is adding {language.name} to this engine", where=engine.path)
        inputs = _inputs(engine, parts)
        folder = _complete(home, language, inputs)
        if folder is None:
            building = home / f".{language.tag}.building"
            _make(engine, language, parts, building, inputs, progress)
            folder = home / f"{language.tag}.{_last_number(home, language) + 1}"
            os.replace(building, folder)
        if (folder / layout.STUDENT).is_dir():
            queries.write(folder / layout.STUDENT, progress)
        name = f"{layout.LANGUAGES}/{folder.name}"
        present = EngineState.read(engine.path).languages.get(language.tag)
        if present is not None and present.folder == name and present.quality is not None:
            return
        change(engine.path, language.tag, lambda _: EngineLanguage(name, _default_way(engine, folder)))
        quality = measure(engine, language, folder, progress=progress)
        if quality is not None:
            found = EngineLanguage(name, quality.way, quality.as_json())
            change(engine.path, language.tag, lambda _: found)
        for other in _numbered(home, language):
            if other != folder:
                shutil.rmtree(other)


def held_out_pairs(folder: Path) -> list[Pair]:
    """The pairs that a language's training did not see; none where it was brought ready."""
    file = folder / layout.HELD_OUT
    if not file.is_file():
        return []
    return [Pair(*fields) for _, fields in read_jsonl(file, _FIELDS) if fields is not None]


def hold_out(pairs: Sequence[Pair], titles: frozenset[str]) -> tuple[list[Pair], list[Pair]]:
    """Pairs to check with, and pairs to train on; no text stands on both sides.

    Args:
        pairs: all there are.
        titles: :func:`~kivuko.text.comparison_key` of the documents' titles; pairs that translate one of them ask
            what people will ask, so as many of them as may be are held out.

    Returns:
        The held-out pairs, drawn by their text's hash and so the same ones whatever else is added, and the others.
    """
    by_text: dict[str, Pair] = {}
    for pair in pairs:
        by_text.setdefault(comparison_key(pair.english), pair)
    order = sorted(by_text, key=lambda text: hashlib.sha256(f"held out {text}".encode()).hexdigest())
    of_titles = [text for text in order if text in titles][
        : min(_MOST_TITLES, int(len(order) * _LARGEST_SHARE / 2))
    ]
    others = [text for text in order if text not in titles][
        : min(_MOST_OTHERS, int(len(order) * _LARGEST_SHARE / 2))
    ]
    held = set(of_titles) | set(others)
    asked = {comparison_key(by_text[text].foreign) for text in held}
    training = [
        pair
        for pair in pairs
        if comparison_key(pair.english) not in held and comparison_key(pair.foreign) not in asked
    ]
    return [by_text[text] for text in order if text in held], training


def interpolation_for(pairs: Sequence[Pair], titles: frozenset[str]) -> float:
    """1 for a student whose pairs are of the documents' domain, which they are where they translate titles; else 0.5.

    Args:
        pairs: all there are.
        titles: as :func:`hold_out` has them.
    """
    translated = {comparison_key(pair.english) for pair in pairs} & titles
    return 1.0 if len(translated) >= _OF_ONE_DOMAIN else 0.5


def place_model(model: ModelLike, output: Path) -> Path:
    """Put a model's folder, as it is, to ``output``, see :func:`place`; a checkpoint of others becomes ours there.

    Raises:
        InputError, UnknownNameError: there is no such model, or it is no late-interaction model.
        StorageError: the disk is full.
    """
    from kivuko.models.encoder import late_interaction_folder

    folder = late_interaction_folder(model)
    if is_complete(folder):
        return place(folder, output, "model")
    from kivuko.models.adding import add_model

    add_model(folder, output)
    return output


def place(source: Path, output: Path, kind: str) -> Path:
    """Put an artefact's folder, as it is, to ``output``: by second names of its files where the disk can do that.

    Files of artefacts are replaced and never changed, so that what becomes of one folder leaves the other alone.

    Raises:
        ArtifactError: ``source`` is no complete artefact of this kind.
        StorageError: the disk is full.
    """
    wanted = read_manifest(source, kind).hash
    if is_complete(output) and read_manifest(output, kind).hash == wanted:
        return output
    building = output.with_name(f".{output.name}.building")
    with storage_errors(output):
        for path in (building, output):
            if path.exists():
                shutil.rmtree(path)
        for file in sorted(each for each in source.rglob("*") if each.is_file()):
            target = building / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file.resolve(), target)
            except OSError:  # another disk, or one that cannot do that
                shutil.copyfile(file, target)
        os.replace(building, output)
    return output


def _make(
    engine: Engine,
    language: Language,
    parts: LanguageParts,
    building: Path,
    inputs: str,
    progress: Progress | None,
) -> None:
    """Make all parts of a language in a folder, going on with what a killed run left of the same inputs."""
    started = building / "inputs"
    if building.exists() and not (started.is_file() and started.read_text(encoding="utf-8") == inputs):
        shutil.rmtree(building)
    building.mkdir(parents=True, exist_ok=True)
    with write_atomically(started) as temporary:
        temporary.write_text(inputs, encoding="utf-8")
    titles = frozenset(comparison_key(document.title) for document in engine.index.documents)
    held, training = hold_out(parts.pairs, titles) if parts.pairs else ([], [])
    if held:
        write_jsonl(building / layout.HELD_OUT, map(asdict, held))
    made_from: dict[str, Any] = {
        "source": parts.source,
        "pairs": len(parts.pairs),
        "held_out": len(held),
        "trained_on": len(training),
    }
    lexicon = parts.lexicon
    if lexicon is None and training:
        lexicon = induce(training, language)
    if lexicon is not None and not is_complete(building / layout.LEXICON):
        lexicon.save(building / layout.LEXICON)
    if engine.index.space is not None:
        if parts.student is not None:
            engine.index.require_space(parts.student)
            place_model(parts.student, building / layout.STUDENT)
        elif training:
            from kivuko.training.optical import OpticalSettings, train_optical

            settings = parts.settings or OpticalSettings()
            asked = parts.interpolation or (settings.interpolation if settings.interpolation < 1 else None)
            share = asked or interpolation_for(parts.pairs, titles)
            made_from["interpolation"] = share
            train_optical(
                training,
                language,
                engine.path / layout.TEACHER,
                building / layout.STUDENT,
                settings=replace(settings, interpolation=share),
                progress=progress,
            )
    # No file's name is a manifest's but those of the parts, each of which has one of its own.
    meta = {"language": language.tag, "inputs": inputs, "made_from": made_from}
    write_manifest(building, layout.LANGUAGE_KIND, parents={}, meta=meta, files=file_facts(building))


def _inputs(engine: Engine, parts: LanguageParts) -> str:
    """Hash of all that a language is made of."""
    student = None
    if parts.student is not None and engine.index.space is not None:
        from kivuko.models.encoder import folder_of
        from kivuko.models.identity import model_hash

        student = model_hash(folder_of(parts.student))
    settings = None
    if parts.settings is not None:
        from kivuko.training.regimes import without_later_defaults

        settings = without_later_defaults(asdict(parts.settings))
    return hash_json(
        [
            engine.index.space,
            [[pair.english, pair.foreign] for pair in parts.pairs],
            student,
            None if parts.lexicon is None else {word: dict(of) for word, of in parts.lexicon.entries.items()},
            settings,
            *([] if parts.interpolation is None else [parts.interpolation]),
        ]
    )


def _default_way(engine: Engine, folder: Path) -> Way:
    """How a language is searched before anything was measured."""
    has_student, has_lexicon = (folder / layout.STUDENT).is_dir(), (folder / layout.LEXICON).is_dir()
    if engine.index.space is None:
        return Way("lexicon-bm25") if has_lexicon else Way("bm25")
    reader: Reader = "student" if has_student else "teacher"
    return Way("fusion", reader, gloss=GLOSS_WEIGHT) if has_lexicon else Way("late-interaction", reader)


def _complete(home: Path, language: Language, inputs: str) -> Path | None:
    """A finished folder of the same inputs: the one that is in use, or one whose naming a kill prevented."""
    for folder in _numbered(home, language):
        if is_complete(folder) and read_manifest(folder, layout.LANGUAGE_KIND).meta["inputs"] == inputs:
            return folder
    return None


def _numbered(home: Path, language: Language) -> list[Path]:
    found = [(_FOLDER.fullmatch(each.name), each) for each in home.iterdir()] if home.is_dir() else []
    return sorted(each for match, each in found if match and match[1] == language.tag)


def _last_number(home: Path, language: Language) -> int:
    return max((int(each.suffix[1:]) for each in _numbered(home, language)), default=0)
