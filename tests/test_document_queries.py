"""Queries that a teacher learns from, made of documents that nobody asked for."""

from __future__ import annotations

from kivuko.collections.document import Document
from kivuko.training.teacher import title_and_sentence_pairs

OPENING = Document("opening", "Opening files", "Choose File. You can open several files at once! Then wait.")
SAVING = Document("saving", "Saving files", "You save a file by its menu\nSee the first page of help.")


def test_titles_then_one_sentence_of_each_document() -> None:
    pairs = title_and_sentence_pairs([OPENING, SAVING])
    assert pairs[:3] == [
        ("Opening files", OPENING.full_text),
        ("Saving files", SAVING.full_text),
        # The others have fewer than four words.
        ("You can open several files at once!", OPENING.full_text),
    ]
    (sentence, document) = pairs[3]
    assert sentence in {"You save a file by its menu", "See the first page of help."}
    assert document == SAVING.full_text


def test_what_several_documents_share_is_no_query() -> None:
    again = Document("again", "opening FILES", "You can open several files at once! So it is said here.")
    pairs = title_and_sentence_pairs([OPENING, again])
    assert pairs == [("So it is said here.", again.full_text)]


def test_the_title_repeated_in_the_text_is_no_sentence() -> None:
    heading = Document("heading", "How to open a file", "How to open a file\nChoose it.")
    assert title_and_sentence_pairs([heading]) == [("How to open a file", heading.full_text)]


def test_a_title_that_other_pages_mention_stays() -> None:
    index = Document("index", "Contents", "Opening files\nSaving files")
    queries = [query for query, _ in title_and_sentence_pairs([OPENING, index])]
    assert "Opening files" in queries


def test_without_title_or_text() -> None:
    untitled = Document("untitled", "", "This one has a sentence only.")
    empty = Document("empty", "Nothing follows", "")
    assert title_and_sentence_pairs([untitled, empty]) == [
        ("This one has a sentence only.", untitled.full_text)
    ]
