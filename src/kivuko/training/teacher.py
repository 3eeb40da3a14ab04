"""English late-interaction teachers.

The first teacher is an encoder as it is, in a centred space. The trained one starts there and learns on English
query–document pairs: titles and paragraphs of training pages against the pages, each with a hard negative beside the
other documents of its batch.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, is_complete
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.collections.split import split_of
from kivuko.errors import InputError
from kivuko.models import centring, encoding, get, late_interaction
from kivuko.models.identity import model_hash
from kivuko.public.collections import FEWEST_WORDS, page_documents, training_titles, unique_paragraphs
from kivuko.public.help_pages import english_pages
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.text import comparison_key, words
from kivuko.text.segmentation import english_sentences
from kivuko.training import english
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.regimes import Models
from kivuko.training.resources import Resources
from kivuko.training.stages import run_stage

BASE = "multilingual-e5-small"
DOCUMENT_LENGTH = 160
CENTRING_PAGES = 400
#: A hard negative is one of so many documents that BM25 ranks best, the query's own left out.
CANDIDATES = 8
#: How a teacher is trained: what did best for its cost on development pages (docs/results/teachers).
SETTINGS = RankingSettings(similarity="mean-maxsim", scale=20.0)
#: What takes less than half of that, and gives a little of it up (docs/results/demo).
QUICK_SETTINGS = replace(SETTINGS, steps=80, max_length=96, learning_rate=5e-5)


def centred_encoder(progress: Progress | None = None, *, dimension: int | None = None) -> Path:
    """multilingual-e5-small as it is, centred on English help pages of the training split.

    Args:
        progress: a rich display for the bar.
        dimension: numbers that training starts with in a token vector (:func:`kivuko.models.centring.project`);
            all 384 by default.

    Raises:
        FetchError: the model or the pages cannot be brought.
        InputError: ``dimension`` is out of range.
    """
    texts = centring_texts()
    whole = untrained_teacher(BASE, texts, progress=progress)
    return whole if dimension is None else projected_teacher(whole, texts, dimension)


def centring_texts() -> list[str]:
    """English help pages of the training split, as many as the mean token vector is estimated on.

    Raises:
        FetchError: the pages cannot be brought.
    """
    documents = page_documents(english_pages(None).pages.values(), DropReport())
    texts = [document.full_text for document in documents if split_of(document.id) == "train"]
    return texts[:CENTRING_PAGES]


def default_teacher(progress: Progress | None = None) -> Path:
    """The teacher of every student: :func:`centred_encoder`, trained to find English training pages.

    Its queries are titles and, as many, paragraphs, each with a hard negative, and their lengths do not count in the
    loss: otherwise it forgets how to use long queries (docs/results/teachers).

    Raises:
        FetchError: the model or the pages cannot be brought.
    """
    pairs = with_hard_negatives(help_pairs())
    return train_teacher(centred_encoder(progress), pairs, settings=SETTINGS, progress=progress)


def quick_teacher(progress: Progress | None = None) -> Path:
    """A teacher within minutes: as :func:`default_teacher`, with fewer steps over the beginnings of pages.

    Raises:
        FetchError: the model or the pages cannot be brought.
    """
    pairs = with_hard_negatives(help_pairs())
    return train_teacher(centred_encoder(progress), pairs, settings=QUICK_SETTINGS, progress=progress)


def help_pairs(*, paragraphs: bool = True) -> list[tuple[str, str]]:
    """English (query, document) pairs of training pages: the title and, if asked, a paragraph found nowhere else.

    Raises:
        FetchError: the pages cannot be brought.
    """
    pages = english_pages(None).pages
    texts = {page.id: page.full_text for page in page_documents(pages.values(), DropReport())}
    pairs = [(title, texts[name]) for title, name in training_titles(pages.values())]
    if paragraphs:
        pairs += [
            (text, texts[name]) for name, text in unique_paragraphs(pages.values(), "train") if name in texts
        ]
    return pairs


def title_and_sentence_pairs(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """(query, document) pairs of English documents: the title, and one sentence of the text, chosen by its hash.

    Titles alone would teach short queries and let long ones be forgotten (docs/results/teachers). A title that
    several documents have is no query, nor is a sentence that stands in several or has fewer than four words.

    Args:
        documents: at best a few thousand; one without a query has no pair.

    Returns:
        All titles' pairs, then all sentences', each in the order of the documents.
    """
    titled = Counter(comparison_key(document.title) for document in documents)
    pairs = [
        (document.title, document.full_text)
        for document in documents
        if document.title and document.text and titled[comparison_key(document.title)] == 1
    ]
    sentences = [english_sentences(document.text) for document in documents]
    found_in = Counter(key for own in sentences for key in {comparison_key(text) for text in own})
    for document, own in zip(documents, sentences, strict=True):
        able = [
            text
            for text in own
            if len(words(text)) >= FEWEST_WORDS
            and found_in[comparison_key(text)] == 1
            and comparison_key(text) != comparison_key(document.title)
        ]
        if able:
            sentence = min(able, key=lambda text: hashlib.sha256(text.encode()).hexdigest())
            pairs.append((sentence, document.full_text))
    return pairs


def with_hard_negatives(pairs: Sequence[tuple[str, str]], *, seed: int = 0) -> list[tuple[str, str, str]]:
    """Give every pair one hard negative: a document of another pair, drawn from the best by BM25 for its query.

    Where no other document has a word of the query, any other is drawn.

    Args:
        pairs: (query, document), the document's title on its first line.
        seed: of the draw.

    Returns:
        (query, document, hard negative), in the order of ``pairs``.

    Raises:
        InputError: there are fewer than two different documents, or no word in them.

    Reference:
        Karpukhin et al., EMNLP 2020, arXiv 2004.04906 (a document that BM25 ranks high as negative).
    """
    texts = sorted({document for _, document in pairs})
    if len(texts) < 2:
        raise InputError(
            "there are no documents to take hard negatives from",
            expected="two different documents at least",
            got=str(len(texts)),
        )
    titles_and_texts = (text.partition("\n") for text in texts)
    index = LexicalIndex(
        [Document(str(i), title, text) for i, (title, _, text) in enumerate(titles_and_texts)]
    )
    own = {text: i for i, text in enumerate(texts)}
    rng = random.Random(seed)
    triples = []
    for query, document in pairs:
        found = [int(i) for i in index.search(query, CANDIDATES + 1) if int(i) != own[document]][:CANDIDATES]
        number = rng.choice(found) if found else (own[document] + rng.randrange(1, len(texts))) % len(texts)
        triples.append((query, document, texts[number]))
    return triples


def without_queries(examples: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Take every query out of the document it should find, which it could otherwise find as its own copy.

    Where the query is the document's title, a hard negative loses its title too: having none is no mark of being
    right. An example whose document keeps fewer than four words is dropped.

    Args:
        examples: (query, document) or (query, document, hard negative) in English, titles on the first line.

    Returns:
        As many as are left, in their order.
    """
    found = []
    for query, document, *negatives in examples:
        rest = re.sub(rf"(?<!\w){re.escape(query)}(?!\w)", " ", document).strip()
        if len(words(rest)) < FEWEST_WORDS:
            continue
        if document.partition("\n")[0] == query:
            negatives = [negative.partition("\n")[2] for negative in negatives]
        found.append((query, rest, *negatives))
    return found


def untrained_teacher(
    base: str, texts: Sequence[str], *, centred: bool = True, progress: Progress | None = None
) -> Path:
    """A late-interaction model folder in the cache: an encoder as it is, its space centred on English text.

    Args:
        base: the encoder's name, as ``kivuko.models.get`` takes it.
        texts: English texts whose mean token vector is the centre: training pages or the like.
        centred: False leaves the space as it is, for the comparison.
        progress: a rich display for the bar.

    Raises:
        UnknownNameError, FetchError: see ``kivuko.models.get``.
    """
    folder = get(base)
    base_hash = model_hash(folder)
    inputs = {"base": base_hash, "texts": list(texts) if centred else None, "length": DOCUMENT_LENGTH}
    path = cache_folder() / "teachers" / hash_json(inputs)[:16]
    if is_complete(path):
        return path
    raw = late_interaction.assemble(folder, mean=None, max_length=DOCUMENT_LENGTH)
    mean = None
    if centred:
        vectors = encoding.encode(
            raw, texts, task="document", progress=progress, label="mean English token vector"
        )
        mean = centring.mean_token_vector(vectors)
    encoder = late_interaction.assemble(folder, mean=mean, max_length=DOCUMENT_LENGTH) if centred else raw
    meta = {"regime": "zero-shot", "base": base, "centred": centred, "centred_on_texts": len(texts)}
    return late_interaction.save(encoder, path, space=None, parents={"base": base_hash}, meta=meta)


def projected_teacher(model: Path, texts: Sequence[str], dimension: int) -> Path:
    """A late-interaction model folder in the cache: another one's, with fewer numbers in a token vector.

    Args:
        model: a folder of :func:`untrained_teacher`.
        texts: English texts whose token vectors say which directions to keep.
        dimension: how many.

    Raises:
        InputError: ``dimension`` is out of range, or the model has no centring layer.
    """
    parent = model_hash(model)
    inputs = {"model": parent, "texts": list(texts), "dimension": dimension}
    path = cache_folder() / "teachers" / hash_json(inputs)[:16]
    if is_complete(path):
        return path
    encoder = late_interaction.load(model)
    centring.project(encoder, dimension, texts)
    meta = {"regime": "zero-shot", "dimension": dimension, "projected_on_texts": len(texts)}
    return late_interaction.save(encoder, path, space=None, parents={"model": parent}, meta=meta)


def train_teacher(
    start: Path,
    pairs: Sequence[tuple[str, ...]],
    output: Path | None = None,
    *,
    settings: RankingSettings = SETTINGS,
    progress: Progress | None = None,
) -> Path:
    """Train an English teacher on (query, document) pairs: the ``english`` regime.

    Args:
        start: the late-interaction model folder to start from.
        pairs: English queries and the documents they should find, best with hard negatives after them
            (:func:`with_hard_negatives`); no held-out page may be among them.
        output: the model folder to write; one in the cache, shared by all who train the same, by default.
        settings: how to train.
        progress: a rich display for the bar.

    Returns:
        A model folder with a vector space of its own.
    """
    models = run_stage(
        english.REGIME,
        settings,
        Models(start, start),
        Resources(english_pairs=pairs),
        output=output,
        progress=progress,
        label="English teacher",
    )
    return models.student
