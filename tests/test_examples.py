"""What a training run sees: examples drawn language by language, and batches without copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from kivuko.languages import Language, resolve
from kivuko.training.align_to_teacher import student_texts
from kivuko.training.examples import distinct, draw
from kivuko.training.fit import LengthBuckets
from tiny import made_up_pairs

LANGUAGES = [resolve(name) for name in ("sw", "om", "km", "eu", "hi")]

sizes = st.lists(st.integers(0, 7), min_size=1, max_size=5)


def data_of(sizes: Sequence[int]) -> dict[Language, list[str]]:
    return {
        language: [f"{language.tag} {i}" for i in range(size)]
        for language, size in zip(LANGUAGES, sizes, strict=False)
    }


def in_turn(data: Mapping[Language, Sequence[str]]) -> list[Language]:
    return sorted((language for language, items in data.items() if items), key=lambda each: each.tag)


@given(sizes=sizes, count=st.integers(0, 60), seed=st.integers(0, 3))
def test_languages_come_in_turn_and_an_epoch_has_every_item_once(
    sizes: list[int], count: int, seed: int
) -> None:
    data = data_of(sizes)
    languages = in_turn(data)
    drawn = draw(data, count, seed)
    assert len(drawn) == (count if languages else 0)
    for i, example in enumerate(drawn):
        assert example.language == languages[i % len(languages)]
        assert example.item == data[example.language][example.number]
    for language in languages:
        own = [example for example in drawn if example.language == language]
        size = len(data[language])
        assert [example.epoch for example in own] == [i // size for i in range(len(own))]
        for start in range(0, len(own), size):
            epoch = [example.number for example in own[start : start + size]]
            assert len(set(epoch)) == len(epoch)
    assert len({example.key for example in drawn}) == len(drawn)


@given(sizes=sizes, count=st.integers(0, 60), seed=st.integers(0, 3), shorter=st.integers(0, 60))
def test_a_language_s_examples_depend_on_it_alone(
    sizes: list[int], count: int, seed: int, shorter: int
) -> None:
    data = data_of(sizes)
    drawn = draw(data, count, seed)
    assert draw(dict(reversed(data.items())), count, seed) == drawn
    assert draw(data, min(shorter, count), seed) == drawn[: min(shorter, count)]
    for language in in_turn(data):
        own = [example for example in drawn if example.language == language]
        assert draw({language: data[language]}, len(own), seed) == own


@given(sizes=sizes, seed=st.integers(0, 3))
def test_distinct_is_where_the_smallest_language_begins_again(sizes: list[int], seed: int) -> None:
    data = data_of(sizes)
    languages = in_turn(data)
    room = distinct(data)
    assert len({example.item for example in draw(data, room, seed)}) == room
    # Within the next round of languages something comes up again: it could not be any larger.
    further = draw(data, room + len(languages), seed)
    assert (len({example.item for example in further}) < len(further)) == bool(languages)


def test_each_epoch_seed_and_language_has_an_order_of_its_own() -> None:
    om, sw = resolve("om"), resolve("sw")
    data = {om: list(range(30)), sw: list(range(30))}
    orders = [
        tuple(example.number for example in draw(data, 120, seed) if (example.language, example.epoch) == key)
        for seed in (0, 1)
        for key in ((om, 0), (om, 1), (sw, 0), (sw, 1))
    ]
    assert len(set(orders)) == 8
    assert all(sorted(order) == list(range(30)) for order in orders)
    assert tuple(range(30)) not in orders


@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=40),
    rounds=st.integers(1, 5),
    batch_size=st.integers(1, 8),
    epoch=st.integers(0, 2),
)
def test_copies_never_meet_in_a_batch(lengths: list[int], rounds: int, batch_size: int, epoch: int) -> None:
    # A copy has its original's length, so that sorting by length brings them together where it may.
    batch_size = min(batch_size, len(lengths))
    buckets = LengthBuckets(
        None, lengths=lengths * rounds, batch_size=batch_size, seed=0, distinct=len(lengths)
    )
    buckets.set_epoch(epoch)
    batches = list(buckets)
    assert len(batches) == len(buckets) == len(lengths) * rounds // batch_size
    for batch in batches:
        assert len({example % len(lengths) for example in batch}) == batch_size


def test_copies_would_meet_if_they_were_not_told_apart() -> None:
    lengths = [5, 6, 7, 8] * 8
    (met, *_) = LengthBuckets(None, lengths=lengths, batch_size=4, seed=0)
    assert len({lengths[example] for example in met}) == 1


def test_every_language_has_the_share_of_english_it_was_asked_for() -> None:
    pairs = made_up_pairs(60)
    for languages in range(1, 6):
        data = dict.fromkeys(LANGUAGES[:languages], pairs)
        drawn = draw(data, 60 * languages, seed=0)
        for share in (0.0, 0.2, 0.25, 0.5, 0.7, 0.75):
            texts = student_texts(drawn, share)
            english = Counter(
                example.language
                for example, text in zip(drawn, texts, strict=True)
                if text == example.item.english
            )
            assert [abs(english[language] - 60 * share) <= 1 for language in data] == [True] * languages
            assert all(
                text in (example.item.english, example.item.foreign)
                for example, text in zip(drawn, texts, strict=True)
            )


def test_half_english_of_an_odd_number_of_languages_is_every_second_example() -> None:
    # The grids' students of nine languages were trained so.
    for languages in (1, 3, 5):
        drawn = draw({language: made_up_pairs(9) for language in LANGUAGES[:languages]}, 40, seed=0)
        in_english = [
            text == d.item.english for d, text in zip(drawn, student_texts(drawn, 0.5), strict=True)
        ]
        assert in_english == [i % 2 == 0 for i in range(40)]
