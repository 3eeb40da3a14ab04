"""Language fairness where one index has documents in many languages (MLIR): PEER, shares of the top k, rank shifts.

PEER asks whether documents of all languages are ranked alike. Every measure sees ranked lists the same way:

- The list of a query is the run's documents in rank order (score descending, then document id), cut at rank k.
- A judged document that is not in that list, not retrieved or below k alike, is tied with all such documents of its
  group behind the list's last rank: n listed and u such documents give each the rank n + (u + 1) / 2.
- All judged queries count, also those for which the run has nothing; queries without judgments count nowhere.
- Every document that counts needs a language. Which string names it does not matter, only which are equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from kivuko.errors import InputError
from kivuko.ranking import Qrels, Run, ranked


@dataclass(frozen=True)
class Peer:
    """Probability of equal expected rank; 1 = no sign that languages are ranked differently.

    Attributes:
        per_level: relevance level → query id → p-value in [0, 1], where the query has documents of that level.
        per_query: query id → weighted mean of its levels' p-values, in [0, 1].
        tested: queries whose value depends on the ranking: at some weighted level two languages have documents, one
            of them at least two, and at least one of the documents is in the list. The other values are no evidence.
        without_level: judged queries with no document at any weighted level; they have no value.
    """

    per_level: dict[int, dict[str, float]]
    per_query: dict[str, float]
    tested: tuple[str, ...]
    without_level: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The mean over the queries that have a value."""
        return fmean(self.per_query.values())

    @property
    def mean_tested(self) -> float | None:
        """The mean over the tested queries alone; None where there is none."""
        return fmean(self.per_query[query] for query in self.tested) if self.tested else None


def equal_weights(qrels: Qrels, *, rel: int = 1) -> dict[int, float]:
    """The same weight for every relevance level from ``rel`` on that the qrels have; they sum to 1.

    Raises:
        InputError: no document is relevant.
    """
    levels = sorted({grade for grades in qrels.values() for grade in grades.values() if grade >= rel})
    if not levels:
        raise InputError(
            "no document is relevant", expected=f"a grade of {rel} or above", got="none in these qrels"
        )
    return dict.fromkeys(levels, 1 / len(levels))


def peer(
    run: Run,
    qrels: Qrels,
    document_languages: Mapping[str, str],
    *,
    k: int,
    weights: Mapping[int, float] | None = None,
) -> Peer:
    """PEER@k of Yang, Jänich, Mayfield, Lawrie (SIGIR 2024), Language Fairness in Multilingual Information Retrieval,
    doi:10.1145/3626772.3657943.

    For each query and relevance level, the documents judged at that level are grouped by language, and the
    Kruskal–Wallis test asks whether the groups have equal expected rank. PEER of the query is the weighted mean of
    its levels' p-values, PEER of the run the mean over queries.

    Cases that need a rule:

    - A level with documents of one language, or none of whose documents is in the list, has p = 1: there is nothing
      to compare, or all ranks are tied. A run that finds nothing is therefore "fair": see ``Peer.tested``.
    - A level of which the query has no document is left out, and the weights of the others are scaled to sum to 1.
    - Level 0 (off unless it has a weight) is the documents *judged* 0 or below. An unjudged document has no level.
    - With one document in each of L languages, H is L − 1 in every order, ties or not, and p the same constant
      (.317 for two languages, .416 for six). PEER says nothing on a parallel collection whose queries have one
      relevant page and its translations; shares and shifts do (:func:`language_shares`, :func:`rank_shifts`).
    - The p-value is the chi-square approximation, rough for few documents, and it can be small only with many.
      Compare runs on the same qrels, never values of different collections.

    Where the authors' package (peer_measure 0.0.1) does otherwise, this follows the test as statistics defines it:

    - The package tests ranks in the whole list. Here they are ranked within the level first, as Kruskal–Wallis
      prescribes, so that gaps between the level's documents do not matter.
    - It puts u documents that were not retrieved at rank N + (u + 1) / 2, where N counts the level's documents and
      not the list's, which may lie *before* a document that was retrieved, or tie with it and give NaN.
    - It counts a level that the query does not have as 0, and a query that the run does not have as 0, while a list
      without any judged document has 1.
    - Its level 0 is the documents in the list that are judged 0 or not judged; others judged 0 are not in it.

    The two agree where the documents of a level are all in the list without gaps.

    Args:
        run: the documents found.
        qrels: the judgments.
        document_languages: document id → language tag, for every judged document of a weighted level.
        k: rank cutoff, at least 1.
        weights: relevance level → weight ≥ 0, summing to 1; :func:`equal_weights` without.

    Raises:
        InputError: run and qrels share no query, ``k`` or weights are wrong, no document is judged at a level with
            weight, or a document has no language.
    """
    from scipy.stats import kruskal

    weights = _checked(equal_weights(qrels) if weights is None else weights, qrels)
    per_level: dict[int, dict[str, float]] = {level: {} for level in sorted(weights)}
    tested = []
    lists = judged_lists(run, qrels, k)
    check_languages(
        (
            document
            for grades in qrels.values()
            for document, grade in grades.items()
            if max(grade, 0) in weights
        ),
        document_languages,
    )
    for query, top in lists.items():
        could_differ = False
        for level, values in per_level.items():
            documents = [document for document, grade in qrels[query].items() if max(grade, 0) == level]
            ranks = tied_ranks(top, documents)
            groups = by_language(ranks, document_languages)
            if len(groups) > 1 and len(set(ranks.values())) > 1:
                could_differ |= len(groups) < len(documents)
                values[query] = float(kruskal(*groups.values()).pvalue)
            elif documents:
                values[query] = 1.0
        if could_differ:
            tested.append(query)
    per_query = {}
    for query in lists:
        known = {level: values[query] for level, values in per_level.items() if query in values}
        if known:
            total = math.fsum(weights[level] for level in known)
            value = math.fsum(weights[level] * p for level, p in known.items()) / total
            per_query[query] = min(value, 1.0)
    return Peer(
        per_level, per_query, tuple(tested), tuple(query for query in lists if query not in per_query)
    )


def _checked(weights: Mapping[int, float], qrels: Qrels) -> dict[int, float]:
    """The weights above 0.

    Raises:
        InputError: they are no weights, or one is for a level that the qrels do not have.
    """
    proper = all(level >= 0 and math.isfinite(weight) and weight >= 0 for level, weight in weights.items())
    if not proper or not math.isclose(math.fsum(weights.values()), 1, abs_tol=1e-6):
        raise InputError(
            "these are no weights of relevance levels",
            expected="levels from 0 with weights from 0 that sum to 1",
            got=dict(weights),
        )
    judged = {max(grade, 0) for grades in qrels.values() for grade in grades.values()}
    absent = sorted(level for level, weight in weights.items() if weight and level not in judged)
    if absent:
        raise InputError(
            f"no document is judged at level {absent[0]}",
            expected=f"weights for the levels {', '.join(map(str, sorted(judged)))}",
            got=dict(weights),
            remedy="give the level no weight",
        )
    return {level: weight for level, weight in weights.items() if weight}


@dataclass(frozen=True)
class Share:
    """A language's share, each in [0, 1], of the top k documents and of the relevant documents."""

    in_top: float
    in_relevant: float

    @property
    def difference(self) -> float:
        """Above 0 where the language has more of the top k than of the relevant documents."""
        return self.in_top - self.in_relevant

    @property
    def ratio(self) -> float | None:
        """``in_top / in_relevant``; None where the language has no relevant document."""
        return self.in_top / self.in_relevant if self.in_relevant else None


@dataclass(frozen=True)
class LanguageShares:
    """Shares by query and language.

    Attributes:
        per_query: query id → language → share, for languages with a document in the top k or a relevant one.
        mean: language → mean over the queries of ``per_query``, a language that a query lacks counting as 0.
        left_out: judged queries with an empty list or no relevant document, where one side has no shares.
    """

    per_query: dict[str, dict[str, Share]]
    mean: dict[str, Share]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class RankShifts:
    """How far the relevant documents of a language stand below (above 0) or above (below 0) all relevant ones.

    Attributes:
        per_query: query id → language → mean rank of its relevant documents − mean rank of all relevant documents.
        mean: language → mean over the queries that have relevant documents of the language.
        queries: language → how many queries those are.
    """

    per_query: dict[str, dict[str, float]]
    mean: dict[str, float]
    queries: dict[str, int]


def language_shares(
    run: Run, qrels: Qrels, document_languages: Mapping[str, str], *, k: int, rel: int = 1
) -> LanguageShares:
    """Each language's share of the top k documents beside its share of the relevant ones (of grade ``rel`` or above).

    The top k are all documents of the list, relevant or not; a list shorter than k is divided by its own length.

    Raises:
        InputError: run and qrels share no query, ``k`` is below 1, or a document has no language.
    """
    lists = judged_lists(run, qrels, k)
    relevant = {query: _relevant(qrels[query], rel) for query in lists}
    check_languages(
        (document for query, top in lists.items() for document in (*top, *relevant[query])),
        document_languages,
    )
    per_query: dict[str, dict[str, Share]] = {}
    for query, top in lists.items():
        if top and relevant[query]:
            found, wanted = (_fractions(side, document_languages) for side in (top, relevant[query]))
            per_query[query] = {
                language: Share(found.get(language, 0.0), wanted.get(language, 0.0))
                for language in sorted({*found, *wanted})
            }
    mean = {}
    for language in sorted({language for shares in per_query.values() for language in shares}):
        shares = [found.get(language, Share(0.0, 0.0)) for found in per_query.values()]
        mean[language] = Share(fmean(s.in_top for s in shares), fmean(s.in_relevant for s in shares))
    return LanguageShares(per_query, mean, tuple(query for query in lists if query not in per_query))


def rank_shifts(
    run: Run, qrels: Qrels, document_languages: Mapping[str, str], *, k: int, rel: int = 1
) -> RankShifts:
    """Mean rank of a language's relevant documents (of grade ``rel`` or above) minus that of all relevant documents.

    In ranks, positive = ranked lower than the others. In each query the shifts, weighted by the languages' numbers of
    relevant documents, sum to 0; a query with relevant documents of one language has the shift 0.

    Raises:
        InputError: run and qrels share no query, ``k`` is below 1, or a relevant document has no language.
    """
    lists = judged_lists(run, qrels, k)
    relevant = {query: _relevant(qrels[query], rel) for query in lists}
    check_languages((document for own in relevant.values() for document in own), document_languages)
    per_query: dict[str, dict[str, float]] = {}
    for query, top in lists.items():
        ranks = tied_ranks(top, relevant[query])
        if ranks:
            overall = fmean(ranks.values())
            groups = by_language(ranks, document_languages)
            per_query[query] = {language: fmean(group) - overall for language, group in groups.items()}
    languages = sorted({language for shifts in per_query.values() for language in shifts})
    values = {
        language: [shifts[language] for shifts in per_query.values() if language in shifts]
        for language in languages
    }
    return RankShifts(
        per_query,
        {language: fmean(shifts) for language, shifts in values.items()},
        {language: len(shifts) for language, shifts in values.items()},
    )


def _fractions(documents: list[str], document_languages: Mapping[str, str]) -> dict[str, float]:
    languages = [document_languages[document] for document in documents]
    return {language: languages.count(language) / len(languages) for language in set(languages)}


def _relevant(grades: Mapping[str, int], rel: int) -> list[str]:
    return [document for document, grade in grades.items() if grade >= rel]


def judged_lists(run: Run, qrels: Qrels, k: int) -> dict[str, list[str]]:
    """Judged query, by id → its documents in rank order, at most ``k``.

    Raises:
        InputError: ``k`` is below 1, or run and qrels share no query.
    """
    if k < 1:
        raise InputError("the cutoff must be at least 1", where="k", got=k)
    if run and not any(query in qrels for query in run):
        raise InputError(
            "run and qrels share no query",
            expected=f"query ids such as {min(qrels, default='(none: there are no judgments)')}",
            got=f"query ids such as {min(run)}",
            remedy="are these the qrels of another collection?",
        )
    return {query: ranked(run.get(query, {}))[:k] for query in sorted(qrels)}


def tied_ranks(top: list[str], documents: Iterable[str]) -> dict[str, float]:
    """Document → its rank from 1, those not in the list tied behind its end."""
    places = {document: float(place) for place, document in enumerate(top, start=1)}
    asked = sorted(documents)
    behind = len(top) + (sum(document not in places for document in asked) + 1) / 2
    return {document: places.get(document, behind) for document in asked}


def by_language(ranks: Mapping[str, float], document_languages: Mapping[str, str]) -> dict[str, list[float]]:
    """Language → the ranks of its documents, by language."""
    groups: dict[str, list[float]] = {}
    for document, rank in ranks.items():
        groups.setdefault(document_languages[document], []).append(rank)
    return dict(sorted(groups.items()))


def check_languages(documents: Iterable[str], document_languages: Mapping[str, str]) -> None:
    """Refuse documents that cannot be counted for a language.

    Raises:
        InputError: some of the documents have none; the message counts them.
    """
    asked = set(documents)
    missing = sorted(document for document in asked if document not in document_languages)
    if missing:
        raise InputError(
            "documents without a language",
            expected="a language for each of the documents that count",
            got=f"none for {len(missing)} of {len(asked)}, such as {', '.join(missing[:3])}",
            remedy="add a line 'document id, tab, language' for each, or use the table of this collection",
        )
