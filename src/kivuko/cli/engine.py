"""``kivuko engine``: one folder that is the search engine, from documents to languages to how good it is."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kivuko.cli.display import (
    JsonOption,
    ThreadsOption,
    bars,
    print_json,
    print_table,
    say,
    set_threads,
)
from kivuko.cli.resources import (
    BitextOption,
    LowestScoreOption,
    PassagesOption,
    PoolingOption,
    StoreOption,
    chosen_pairs,
    documents_or_shards,
)

if TYPE_CHECKING:
    from kivuko.engine.quality import Quality
    from kivuko.languages import Language

app = typer.Typer(
    help="Make a search engine of documents, add languages, see how good it is.", no_args_is_help=True
)

ENGINE = Annotated[Path, typer.Argument(help="Engine folder.")]
LANGUAGE = Annotated[str, typer.Argument(help="Language: om, orm, orm-Latn, Oromo …")]


@app.command("create")
def create(
    engine: ENGINE,
    documents: Annotated[
        Path,
        typer.Option(
            help="TSV (id, title, text), JSONL, Parquet or hf:NAME (more fields are metadata to filter by), a "
            "collection folder, or a folder of kivuko index encode."
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(
            help="exact, exact-int8, compressed, codes or lexical (words alone: no model, no torch)."
        ),
    ] = "exact",
    store: StoreOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model that encodes documents: folder, catalogue name or hub id; the English teacher by default."
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="What the documents are in.")] = "en",
    passages: PassagesOption = None,
    pooling: PoolingOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Make documents searchable in their own language; `kivuko engine add-language` brings others."""
    from kivuko.engine import Engine
    from kivuko.retrieval.kinds import check_kind

    set_threads(threads)
    with bars() as progress:
        made = Engine.create(
            engine,
            documents_or_shards(documents, passages=passages, pooling=pooling),
            kind=check_kind(kind),
            store=store,
            model=model,
            language=language,
            passages=passages is not False,
            pooling=1.0 if pooling is None else pooling,
            progress=progress,
        )
    facts = made.index.info()
    say(
        f"{engine}: {facts['documents']:,} documents in {made.document_language.name}\n"
        f'Next:\n  kivuko search {engine} "…"\n  kivuko engine add-language {engine} om --bitext PAIRS.tsv'
    )


@app.command("add-language")
def add_language(
    engine: ENGINE,
    language: LANGUAGE,
    bitext: BitextOption = None,
    lowest_score: LowestScoreOption = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(
            help="Lexicon folder, or a TSV of foreign word, English word, probability; instead of inducing one."
        ),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(
            help="Model that reads queries, trained from this engine's teacher: folder, catalogue name or hub id."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="How the student is trained: steps=500, learning_rate=1e-4, interpolation=0.5 …"
        ),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Let people ask in another language: learn it from pairs (yours, else public ones) or bring what is ready."""
    from kivuko.engine import Engine
    from kivuko.engine.languages import LanguageParts
    from kivuko.languages import resolve

    set_threads(threads)
    spoken = resolve(language)
    opened = Engine.open(engine)
    ready = lexicon is not None or student is not None
    pairs = [] if ready and bitext is None else chosen_pairs(bitext, spoken, lowest_score)
    trained_by = _settings(settings)
    asks_how_far = any(setting.startswith("interpolation=") for setting in settings or [])
    parts = LanguageParts(
        pairs=pairs,
        student=student,
        lexicon=None if lexicon is None else _lexicon(lexicon, spoken),
        settings=trained_by,
        interpolation=trained_by.interpolation if trained_by and asks_how_far else None,
        source=str(bitext) if bitext is not None else "ready parts" if ready else "public bitext",
    )
    with bars() as progress:
        quality = opened.add_language(spoken, parts, progress=progress)
    way = opened.languages[spoken].way
    say(f"{engine} answers in {spoken.name} now, by {way}")
    made_from = opened.info()["languages"][spoken.tag]["made_from"] or {}
    if made_from.get("interpolation", 1) < 1 and not asks_how_far:
        say(
            "The pairs translate few of your documents' titles, so they may be of another domain: the student stays "
            "half-way between teacher and bitext. Where they are of one domain, --set interpolation=1 gives more."
        )
    _show(quality, spoken)


@app.command("check")
def check(engine: ENGINE, language: LANGUAGE, as_json: JsonOption = False) -> None:
    """How good a language is without judgments: pairs that training did not see, asked as questions."""
    from kivuko.engine import Engine
    from kivuko.languages import resolve

    spoken = resolve(language)
    with bars() as progress:
        quality = Engine.open(engine).check(spoken, progress=progress)
    if as_json:
        print_json({"language": spoken.tag, **({} if quality is None else quality.as_json())})
    else:
        _show(quality, spoken)


@app.command("add")
def add(
    engine: ENGINE,
    documents: Annotated[Path, typer.Argument(help="As for kivuko engine create.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Documents with ids of others take their place.")
    ] = False,
    threads: ThreadsOption = None,
) -> None:
    """Add documents; searches that run meanwhile see all of them or none."""
    from kivuko.engine import Engine

    set_threads(threads)
    opened = Engine.open(engine)
    found = documents_or_shards(documents)
    with bars() as progress:
        facts = opened.add(found, replace=replace, progress=progress)
    say(
        f"{engine}: {len(found) - facts['documents_without_content']:,} documents added, "
        f"{facts['documents_without_content']:,} without content left out, {facts['documents_truncated']:,} cut; "
        f"{opened.index.info()['documents']:,} in all"
    )


@app.command("sync")
def sync(
    engine: ENGINE,
    documents: Annotated[
        Path,
        typer.Argument(
            help="All that there are now: TSV, JSONL, Parquet or hf:NAME, a collection folder, or a folder of kivuko "
            "index encode."
        ),
    ],
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove documents that are not there; they stay without.")
    ] = False,
    threads: ThreadsOption = None,
) -> None:
    """Bring an engine to what documents are now: add new ones, replace those that changed, leave the others."""
    from kivuko.engine import Engine

    set_threads(threads)
    opened = Engine.open(engine)
    with bars() as progress:
        facts = opened.sync(documents_or_shards(documents), delete=delete, progress=progress)
    missing = "removed" if delete else "stay (--delete removes them)"
    say(
        f"{engine}: {facts['added']:,} documents added, {facts['replaced']:,} replaced, "
        f"{facts['unchanged']:,} unchanged; {facts['missing']:,} that are not among these {missing}; "
        f"{facts['documents_without_content']:,} without content left out; "
        f"{opened.index.info()['documents']:,} in all"
    )


@app.command("apply")
def apply(
    engine: ENGINE,
    feed: Annotated[
        Path,
        typer.Argument(
            help='JSON lines of changes: documents, or {"id": …, "deleted": true}; of each id the last one counts.'
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            help="Only changes whose field `changed` is no earlier: 2026-11-30T14:05:00Z. All by default."
        ),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Make the changes of a feed: new documents, other ones in the place of what they were, deletions."""
    from kivuko.engine import Engine
    from kivuko.readers.feeds import read_changes, read_time

    set_threads(threads)
    opened = Engine.open(engine)
    changes = read_changes(feed, since=None if since is None else read_time(since, "--since"))
    with bars() as progress:
        facts = opened.apply(changes, progress=progress)
    before = "" if since is None else f"{changes.before:,} earlier changes left out; "
    say(
        f"{engine}: {facts['added']:,} documents added, {facts['replaced']:,} replaced, "
        f"{facts['deleted']:,} deleted, {facts['unchanged']:,} unchanged; {before}"
        f"{facts['documents_without_content']:,} without content left out; "
        f"{opened.index.info()['documents']:,} in all"
    )
    if changes.latest is not None:
        say(f"Next time: --since {changes.latest.astimezone(UTC).isoformat()}")


@app.command("delete")
def delete(
    engine: ENGINE,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of documents.")] = None,
    ids_file: Annotated[Path | None, typer.Option("--ids", help="File with one id a line.")] = None,
) -> None:
    """Remove documents."""
    from kivuko.cli.resources import chosen_ids
    from kivuko.engine import Engine

    opened = Engine.open(engine)
    opened.delete(chosen_ids(ids, ids_file))
    say(f"{engine}: {opened.index.info()['documents']:,} documents left")


@app.command("compact")
def compact(engine: ENGINE) -> None:
    """Free the space of deleted documents."""
    from kivuko.engine import Engine

    opened = Engine.open(engine)
    opened.compact()
    facts = opened.index.info()
    say(f"{engine}: {facts['documents']:,} documents, {sum(facts['bytes'].values()) / 1e6:,.1f} MB")


@app.command("optimize")
def optimize(engine: ENGINE) -> None:
    """Make searches begin at once in an engine that an earlier Kivuko made, or one without the extra onnx."""
    from kivuko.engine import Engine

    with bars() as progress:
        made = Engine.open(engine).optimize(progress=progress)
    if not made:
        say(f"{engine} searches by words alone: there is nothing to make")
    for model, reason in made.items():
        say(f"{model}: {'its query encoder is there' if reason is None else f'no query encoder: {reason}'}")


@app.command("verify")
def verify(engine: ENGINE) -> None:
    """Read every file of an engine and compare it with its checksum; see that a store has every passage."""
    from kivuko.engine import Engine

    Engine.open(engine).verify()
    say(f"{engine}: every file is as it was written")


@app.command("info")
def info(engine: ENGINE, as_json: JsonOption = False) -> None:
    """What an engine holds: documents, languages, how each is searched and how good it was found."""
    from kivuko.engine import Engine
    from kivuko.languages import resolve

    facts = Engine.open(engine).info()
    if as_json:
        print_json(facts)
        return
    index = facts["index"]
    say(
        f"{index['documents']:,} documents in {resolve(facts['document_language']).name}, "
        f"index of kind {index['kind']}, "
        f"{sum(index['bytes'].values()) / 1e6:,.1f} MB"
    )
    rows = []
    for tag, language in facts["languages"].items():
        rows.append(
            [
                resolve(tag).name,
                language["way"],
                _origin(language["made_from"]),
                _best(language["quality"]),
                _size(language["query_encoder"]),
            ]
        )
    print_table(["language", "searched by", "made from", "nDCG@10 of known items", "query encoder"], rows)


def _size(query_encoder: dict[str, Any] | None) -> str:
    if query_encoder is None:
        return "none"
    return f"{query_encoder['bytes'] / 1e6:,.1f} MB" if "bytes" in query_encoder else query_encoder["refused"]


def _origin(made_from: dict[str, Any] | None) -> str:
    if made_from is None:
        return "the documents"
    return (
        f"{made_from['source']}, {made_from['trained_on']:,} pairs"
        if made_from["pairs"]
        else made_from["source"]
    )


def _best(quality: dict[str, Any] | None) -> str:
    if quality is None:
        return "not checked"
    used = [row for row in quality["rows"] if row["system"] == quality["used"]]
    row = max(used, key=lambda row: str(row["questions"] == "titles"))
    return f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}], {row['n']} {row['questions']}"


def _show(quality: Quality | None, language: Language) -> None:
    if quality is None:
        say(
            f"Nothing was held out to check {language.name} with: add it with translation pairs to know more."
        )
        return
    rows = [
        [
            row.questions,
            row.system,
            f"{row.summary.mean:.3f}",
            f"[{row.summary.low:.3f}, {row.summary.high:.3f}]",
            row.summary.n,
        ]
        for row in quality.rows
    ]
    print_table(["questions", "system", "nDCG@10", "95 %", "n"], rows)
    for warning in quality.warnings:
        say(f"note: {warning}")
    say(
        "Questions are translation pairs that training did not see; they are of the bitext's kind of text, and say "
        "less of yours the more that differs."
    )


def _lexicon(path: Path, language: Language) -> Any:
    from kivuko.codeswitch import Lexicon
    from kivuko.codeswitch.lexicon import read_lexicon_tsv
    from kivuko.errors import InputError

    found = Lexicon.open(path) if path.is_dir() else read_lexicon_tsv(path, language)
    if found.language != language:
        raise InputError(
            "this lexicon is of another language", where=path, expected=language.tag, got=found.language.tag
        )
    return found


def _settings(given: list[str] | None) -> Any:
    """``steps=500`` … as the settings of a student; None where none was given."""
    if not given:
        return None
    from kivuko.errors import InputError
    from kivuko.training.regimes import find_regime
    from kivuko.training.stages import make_stage

    values = {}
    for setting in given:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InputError("a setting cannot be used", where=f"--set {setting}", expected="NAME=VALUE")
        values[name] = value
    return make_stage(find_regime("optical"), values, where="--set").settings
