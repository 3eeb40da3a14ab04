"""What students train on, put together in one place for the command line and for experiments.

Where a person gives a file for a language, that is read; public data stand in for what nobody gave.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, write_atomically
from kivuko.codeswitch import EnglishTable, Lexicon, Switcher, induce, invert
from kivuko.codeswitch.lexicon import read_lexicon_tsv
from kivuko.collections.bitext import Pair
from kivuko.collections.collection import LIBREOFFICE_HELP
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.collections.split import split_of
from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.public import help_pages
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import collections_for
from kivuko.public.help_pages import english_pages, load_pages
from kivuko.public.leakage import held_out_terms, held_out_texts
from kivuko.public.lexicons import public_lexicon
from kivuko.readers import msmarco
from kivuko.readers.bitext import bitext_paths, open_pairs
from kivuko.readers.documents import read_documents
from kivuko.readers.linked_documents import read_linked
from kivuko.readers.running_text import read_monolingual
from kivuko.text import comparison_key, words
from kivuko.training import teacher
from kivuko.training.resources import Need, Resources
from kivuko.training.sources import PAIRED, PAIRS, Budget, Draw, EnglishSources, HeldOut, Sources
from kivuko.training.stages import Stage

#: Shorter interface strings say too little to learn a language from.
FEWEST_WORDS = 4
ENGLISH = resolve("en")
Item = TypeVar("Item")
Held = TypeVar("Held", bound=Sized)
INDUCTION = 1
"""Raised when a rule of inducing lexicons or of translating by them changes, so that hashes kept in the cache go."""


class Materials:
    """Training data, read and derived once for as long as this object lives.

    Args:
        given: language → what a person gives for it.
        english: what a person gives of English.
        held_out: what must not be trained on.
        say: told what was dropped from files that were given.
        progress: a rich display for bars over files that are read.
    """

    def __init__(
        self,
        given: Mapping[Language, Sources] | None = None,
        english: EnglishSources | None = None,
        *,
        held_out: HeldOut | None = None,
        say: Callable[[str], None] = lambda _: None,
        progress: Progress | None = None,
    ) -> None:
        self._given = dict(given or {})
        self._english = english or EnglishSources()
        self._held_out = held_out or HeldOut()
        self._say = say
        self._progress = progress
        # Each remembers for this object alone.
        self._bitext = functools.cache(self._read_bitext)
        self._sample = functools.cache(self._draw_pairs)
        self._induced = functools.cache(self._induce)
        self._lexicon_given = functools.cache(self._read_lexicon)
        self._dictionaries = functools.cache(self._public_dictionaries)
        self._table = functools.cache(self._invert)
        self._texts = functools.cache(self._read_texts)
        self._translated_pages = functools.cache(self._training_pages)
        self._linked = functools.cache(self._linked_texts)
        self._mmarco = functools.cache(self._read_mmarco)
        self._documents = functools.cache(self._read_documents)
        self._english_pairs = functools.cache(self._read_english_pairs)
        self.digest = functools.cache(self._digest)
        self.lexicons_hash = functools.cache(self._hash_lexicons)

    def check(self) -> None:
        """Refuse, before anything is read, files that are not there.

        Raises:
            InputError: names all of them.
        """
        missing = [
            path
            for language, source in self._given.items()
            for path in (source.lexicon, source.text, source.linked, source.mmarco, source.bitext)
            if path is not None and not path.exists()
            if path != source.bitext or not bitext_paths(path, language)
        ]
        missing += [
            path for path in (self._english.documents, self._english.msmarco) if path and not path.exists()
        ]
        if missing:
            raise InputError(
                "data to train on are not there",
                where=", ".join(map(str, missing)),
                remedy="check the paths; those in an experiment's file are relative to its folder",
            )

    def resources(
        self, draw: Draw, needs: frozenset[Need], most: Mapping[Need, int] | None = None
    ) -> Resources:
        """Gather training data.

        Args:
            draw: of which languages, and how much.
            needs: kinds of data wanted; the others stay empty.
            most: how many examples of MS MARCO and mMARCO are read, which have millions; see :func:`most_drawn`.

        Raises:
            InputError, ArtifactError: a file that was given is damaged, of another language, or has nothing usable.
            FetchError: public data cannot be brought.
        """
        most = most or {}

        def by_language(need: Need, read: Callable[[Language], Held]) -> dict[Language, Held]:
            languages = draw.languages if need in needs else ()
            return {language: items for language in languages if (items := read(language))}

        return Resources(
            english_pairs=self._english_pairs(most.get(Need.ENGLISH_PAIRS))
            if Need.ENGLISH_PAIRS in needs
            else [],
            bitext=by_language(Need.BITEXT, lambda language: self.pairs(language, draw)),
            tables=self._tables(draw.languages, draw) if Need.LEXICON in needs else {},
            monolingual=by_language(Need.MONOLINGUAL, self._texts),
            linked=by_language(Need.LINKED, self._linked),
            translated=self._translated(draw, most.get(Need.TRANSLATED)) if Need.TRANSLATED in needs else {},
            documents=self._imitable() if Need.DOCUMENTS in needs else (),
            english_texts=self.english_texts() if Need.ENGLISH_TEXT in needs else (),
        )

    def pairs(self, language: Language, draw: Draw) -> list[Pair]:
        """The translation pairs of a budget: all, or a sample drawn by the seed; none without bitext."""
        if draw.budget not in PAIRED:
            return []
        return self._sample(language, draw.budget, draw.seed)

    def lexicon(self, language: Language, draw: Draw) -> Lexicon | None:
        """The lexicon of a budget: given, of public dictionaries, or induced from the pairs; None without any."""
        if draw.given_lexicon and self._source(language).lexicon:
            return self._lexicon_given(language)
        if draw.budget == "lexicon":
            return (
                self._without_answers(language)
                if self._source(language).lexicon
                else self._dictionaries(language)
            )
        return self._induced(language, draw.budget, draw.seed)

    def lexicons(self, draw: Draw) -> dict[Language, Lexicon]:
        """The lexicons that a budget allows, of those languages that have one."""
        found = {language: self.lexicon(language, draw) for language in draw.languages}
        return {language: lexicon for language, lexicon in found.items() if lexicon is not None}

    def english_texts(self) -> list[str]:
        """English texts whose mean token vector centres an encoder."""
        if self._english.documents:
            return [document.full_text for document in self._documents()[: teacher.CENTRING_PAGES]]
        return teacher.centring_texts()

    def _digest(self, need: Need, draw: Draw, most: int | None = None) -> str:
        """Content hash of one kind of data."""

        def gathered() -> str:
            return self.resources(draw, frozenset({need}), {need: most} if most else None).digest(
                frozenset({need})
            )[need.value]

        if need == Need.LEXICON and draw.budget in PAIRED:
            return self._noted([need.value, self._pairs_by_tag(draw)], gathered)
        if (
            need == Need.TRANSLATED
            and draw.budget in PAIRED
            and not any(s.mmarco for s in self._given.values())
        ):
            return self._noted([need.value, self._pairs_by_tag(draw), self._english_pairs(most)], gathered)
        return gathered()

    def _hash_lexicons(self, draw: Draw) -> str:
        """Content hash of :meth:`lexicons`."""

        def gathered() -> str:
            return hash_json(
                {language.tag: dict(each.entries) for language, each in self.lexicons(draw).items()}
            )

        if draw.budget in PAIRED:
            return self._noted(["lexicons", self._pairs_by_tag(draw)], gathered)
        return gathered()

    def _noted(self, made_from: object, make: Callable[[], str]) -> str:
        """A hash of what is induced from pairs, kept in the cache: a finished cell's key asks for no more."""
        note = cache_folder() / "experiment" / "hashes" / hash_json([INDUCTION, made_from])[:32]
        if not note.is_file():
            with write_atomically(note) as temporary:
                temporary.write_text(make(), encoding="utf-8")
        return note.read_text(encoding="utf-8")

    def _pairs_by_tag(self, draw: Draw) -> dict[str, list[list[str]]]:
        return {
            language.tag: [[pair.english, pair.foreign] for pair in self.pairs(language, draw)]
            for language in draw.languages
        }

    def _source(self, language: Language) -> Sources:
        return self._given.get(language, Sources())

    def _kept(
        self,
        items: Iterable[Item],
        language: Language,
        texts: Callable[[Item], Iterable[str]],
        given: Path | None,
    ) -> list[Item]:
        """The items none of whose texts a test asks for; how many the others were is said."""
        of = self._held_out.of_all if given else self._held_out.of_given
        if not (asked := of.get(language)):
            return list(items)
        every = list(items)
        kept = [item for item in every if not any(comparison_key(text) in asked for text in texts(item))]
        if len(kept) < len(every):
            self._say(
                f"{given or 'public data'}: {len(every) - len(kept):,} of {len(every):,} left out, for a test "
                f"asks for them"
            )
        return kept

    # Bitext and lexicons

    def _read_bitext(self, language: Language) -> list[Pair]:
        source = self._source(language)
        pairs = open_pairs(
            source.bitext or build_bitext(language),
            language,
            lowest_score=source.lowest_score,
            say=self._say,
            progress=self._progress,
        )
        return self._kept(pairs, language, lambda pair: (pair.english, pair.foreign), source.bitext)

    def _draw_pairs(self, language: Language, budget: Budget, seed: int) -> list[Pair]:
        pairs = self._bitext(language)
        if budget == "all" or len(pairs) <= PAIRS[budget]:
            return pairs
        return random.Random(f"{seed} {budget} {language.tag}").sample(pairs, PAIRS[budget])

    def _induce(self, language: Language, budget: Budget, seed: int) -> Lexicon | None:
        pairs = self.pairs(language, Draw((language,), budget, seed))
        return induce(pairs, language) if pairs else None

    def _read_lexicon(self, language: Language) -> Lexicon:
        path = self._source(language).lexicon
        assert path is not None
        if not path.is_dir():
            return read_lexicon_tsv(path, language)
        lexicon = Lexicon.open(path)
        if lexicon.language != language:
            raise InputError(
                "this lexicon is of another language",
                where=path,
                expected=language.tag,
                got=lexicon.language.tag,
            )
        return lexicon

    def _public_dictionaries(self, language: Language) -> Lexicon | None:
        """All public dictionaries, without what the vocabulary probes ask for."""
        found = public_lexicon(language)
        if found is None:
            return None
        return _without(found.lexicon, set(collections_for(language)) - {LIBREOFFICE_HELP})

    def _without_answers(self, language: Language) -> Lexicon:
        """The lexicon that was given, without what the probes of this test ask for."""
        probes = self._held_out.collections & set(collections_for(language)) - {LIBREOFFICE_HELP}
        return _without(self._lexicon_given(language), probes)

    def _invert(self, language: Language, draw: Draw) -> EnglishTable | None:
        """The budget's lexicon from English, its senses weighed by how often the pairs have them.

        Beside a lexicon that was given, only pairs that were given too count.
        """
        lexicon, source = self.lexicon(language, draw), self._source(language)
        if lexicon is None:
            return None
        weighed = source.bitext or not (draw.given_lexicon and source.lexicon)
        pairs = self.pairs(language, draw) if weighed else []
        counts = Counter(word for pair in pairs for word in words(pair.foreign))
        return invert(lexicon, counts=counts or None)

    def _tables(self, languages: Iterable[Language], draw: Draw) -> dict[Language, EnglishTable]:
        # Other languages change nothing in a language's table.
        alone = {language: replace(draw, languages=(language,)) for language in languages}
        return {
            language: table
            for language, own in alone.items()
            if (table := self._table(language, own)) is not None and table.senses
        }

    # Text, linked documents, translated queries

    def _read_texts(self, language: Language) -> list[str]:
        """Text in the language alone, in an order that says nothing about what is whose translation."""
        if path := self._source(language).text:
            report = DropReport()
            found = read_monolingual(path, language, report, unit="passage", progress=self._progress)
            given = list(found)
            self._tell(path, report)
            return self._kept(given, language, _whole_and_title, path)
        texts = ["\n".join(paragraphs.values()) for paragraphs in self._translated_pages(language).values()]
        strings = {
            pair.foreign for pair in self._bitext(language) if len(words(pair.foreign)) >= FEWEST_WORDS
        }
        texts += sorted(strings - {line for text in texts for line in text.split("\n")})
        random.Random(f"monolingual {language.tag}").shuffle(texts)
        return self._kept(texts, language, _whole_and_title, None)

    def _training_pages(self, language: Language) -> dict[str, dict[str, str]]:
        """Training page → paragraph id → translation, of paragraphs that are translated and on no held-out page.

        Empty for a language without help pages.
        """
        if not help_pages.covers(language):
            return {}
        english, held_out = english_pages(None).pages, held_out_texts(language)
        translated = {}
        for name, page in load_pages(language).pages.items():
            if name not in english or split_of(name) != "train":
                continue
            translated[name] = {
                key: text
                for key, text in page.paragraphs.items()
                if text != english[name].paragraphs.get(key) and text not in held_out
            }
        return {name: paragraphs for name, paragraphs in translated.items() if paragraphs}

    def _linked_texts(self, language: Language) -> list[tuple[str, str]]:
        """Linked, not parallel: what is translated of a page's first half, and the English page's second half."""
        if path := self._source(language).linked:
            report = DropReport()
            given = list(read_linked(path, report, language))
            self._tell(path, report)
            return self._kept(
                given, language, lambda pair: [text for side in pair for text in _whole_and_title(side)], path
            )
        pairs = []
        pages = self._translated_pages(language)
        english = english_pages(None).pages if pages else {}
        for name, translated in pages.items():
            ours = english[name].paragraphs
            keys = list(ours)
            first = [translated[key] for key in keys[: len(keys) // 2] if key in translated]
            second = [ours[key] for key in keys[len(keys) // 2 :]]
            if first and second:
                pairs.append(("\n".join(first), "\n".join(second)))
        return self._kept(
            pairs, language, lambda pair: [text for side in pair for text in _whole_and_title(side)], None
        )

    def _translated(self, draw: Draw, most: int | None) -> dict[Language, Sequence[tuple[str, ...]]]:
        """mMARCO's queries where it was given; elsewhere the English pairs' queries, translated word by word."""
        found: dict[Language, Sequence[tuple[str, ...]]] = {
            language: self._mmarco(language, most)
            for language in draw.languages
            if self._source(language).mmarco
        }
        tables = self._tables((language for language in draw.languages if language not in found), draw)
        if tables:
            found |= _word_by_word(self._english_pairs(most), tables)
        return {language: pairs for language, pairs in found.items() if pairs}

    def _read_mmarco(self, language: Language, most: int | None) -> list[tuple[str, ...]]:
        source, report = self._source(language), DropReport()
        assert source.mmarco is not None
        count = msmarco.without_count(report) if source.negatives else report
        triples = msmarco.read_triples(
            source.mmarco, "en", query_language=language, report=count, progress=self._progress
        )
        examples: Iterator[tuple[str, ...]] = (
            msmarco.with_negatives(triples, source.negatives, report)
            if source.negatives
            else ((triple.query, triple.positive) for triple in triples)
        )
        read = list(islice(examples, most))
        self._tell(source.mmarco, report)
        return self._kept(read, language, lambda pair: pair[:1], source.mmarco)

    # English

    def _read_documents(self) -> list[Document]:
        assert self._english.documents is not None
        return read_documents(self._english.documents)

    def _read_english_pairs(self, most: int | None) -> list[tuple[str, ...]]:
        given = self._english
        if given.msmarco:
            return self._kept(self._judged(most), ENGLISH, lambda pair: pair[:1], given.msmarco)
        pairs = (
            [(each.title, each.full_text) for each in self._documents() if each.title and each.text]
            if given.documents
            else teacher.help_pairs()
        )
        pairs = self._kept(pairs, ENGLISH, lambda pair: pair[:1], given.documents)
        examples = [*(teacher.with_hard_negatives(pairs) if given.mined_negatives else pairs)]
        return teacher.without_queries(examples) if given.without_queries else examples

    def _judged(self, most: int | None) -> list[tuple[str, ...]]:
        """MS MARCO's queries with relevant passages, and negatives if they are asked for."""
        given, report = self._english, DropReport()
        assert given.msmarco is not None
        judged: Iterator[tuple[str, ...]] = (
            msmarco.read_msmarco_examples(
                given.msmarco,
                given.negatives,
                report=report,
                systems=given.negatives_by,
                progress=self._progress,
            )
            if given.negatives
            else msmarco.read_pairs(given.msmarco, report=report, progress=self._progress)
        )
        found = list(islice(judged, most))
        if not found:
            raise InputError(
                "no pair of MS MARCO is left", where=given.msmarco, got=f"dropped: {report.reasons_text}"
            )
        self._tell(given.msmarco, report)
        return found

    def _imitable(self) -> list[str]:
        """English documents whose scores by the teacher can be imitated."""
        if self._english.documents:
            return [document.full_text for document in self._documents()]
        return [document for _, document in teacher.help_pairs(paragraphs=False)]

    def _tell(self, path: Path, report: DropReport) -> None:
        self._say(f"{path}: {report.kept:,} of {report.before:,} texts kept; dropped: {report.reasons_text}")


def needs_of(stages: Sequence[Stage]) -> frozenset[Need]:
    """The kinds of data that stages train on, beside their teacher."""
    return frozenset().union(*(stage.regime.needs for stage in stages)) - {Need.TEACHER}


def most_drawn(stages: Sequence[Stage]) -> dict[Need, int]:
    """Kind of data of which there may be millions → the most examples of it that one of the stages draws."""
    most: dict[Need, int] = {}
    for stage in stages:
        for need in stage.regime.needs & {Need.ENGLISH_PAIRS, Need.TRANSLATED}:
            most[need] = max(most.get(need, 0), stage.settings.steps * stage.settings.batch_size)
    return most


def _whole_and_title(text: str) -> tuple[str, str]:
    return text, text.partition("\n")[0]


def _without(lexicon: Lexicon, probes: Iterable[str]) -> Lexicon:
    """A lexicon that does not know the held-out answers of vocabulary probes."""
    answers = {_spelled(answer) for name in probes for answer in held_out_terms(lexicon.language, name)}
    entries = {
        foreign: english for foreign, english in lexicon.entries.items() if _spelled(foreign) not in answers
    }
    return Lexicon(
        lexicon.language, entries, {**lexicon.meta, "held_out": len(lexicon.entries) - len(entries)}
    )


def _spelled(term: str) -> str:
    """A term as both lexicons and probes can be compared: lexicons keep words, without hyphens and the like."""
    return comparison_key(" ".join(words(term)))


def _word_by_word(
    english: Sequence[tuple[str, ...]], tables: dict[Language, EnglishTable]
) -> dict[Language, list[tuple[str, ...]]]:
    """The English pairs with queries translated word by word, shared out among the languages."""
    languages = sorted(tables, key=lambda language: language.tag)
    switcher = Switcher(tables, rate=1.0, phrases=True, senses="best")
    return {
        language: [
            (switcher.switch(query, seed=0, key="", language=language).text, *documents)
            for query, *documents in english[place :: len(languages)]
        ]
        for place, language in enumerate(languages)
    }
