"""``kivuko demo``: the main job on real data, from an empty cache to an evaluated search engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kivuko.collections.collection import Collection
    from kivuko.experiment.main_job import MainJob
    from kivuko.retrieval.query_translation import QueryTranslator

MEASURES = ("nDCG@10", "RR@10", "R@100")


#: Seconds of the clock for what is not counted in operations: imports, reading, and three systems' exact searches.
_BESIDES = 210.0


def command(
    language: Annotated[
        str, typer.Option(help="A language with a help collection (kivuko data list).")
    ] = "Oromo",
    full: Annotated[bool, typer.Option("--full", help="The best that is known, and every control.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")] = None,
) -> None:
    """Fetch, build, train, index and evaluate one language; then show real queries and what to do next."""
    from kivuko.cli.display import bars, say_styled
    from kivuko.languages import resolve

    spoken = resolve(language)
    import torch

    from kivuko.experiment.main_job import FULL, QUICK, run_main_job
    from kivuko.models.precision import operations_a_second, precision
    from kivuko.processor import instruction_sets, processor

    if threads:
        torch.set_num_threads(threads)
    effort = FULL if full else QUICK
    minutes = (effort.operations / operations_a_second() + _BESIDES) / 60
    say_styled(
        (spoken.name, "bold"),
        f" questions, English help pages. {processor()} ({', '.join(instruction_sets())}), "
        f"{torch.get_num_threads()} threads, training in {precision('training')}: about {minutes:.0f} minutes "
        "the first time, and seconds when repeated.",
    )
    with bars() as progress:
        job = run_main_job(spoken, effort=effort, when_words=_show_words, progress=progress)
    _show_scores(job)
    _show_queries(job)
    _show_next(job)


def _show_words(collection: Collection, translator: QueryTranslator) -> None:
    """The first answer: one query, found by the lexicon of the bitext alone."""
    from kivuko.cli.display import say_styled
    from kivuko.ranking import ranked

    asked = collection.queries("title", "development")
    english = collection.queries("english-title", "development")
    name = sorted(asked)[len(asked) // 2]
    titles = {document.id: document.title for document in collection.documents}
    say_styled(
        "\nFound by the bitext's words alone, before anything is trained:\n",
        (asked[name], "bold"),
        f"  (in English: {english[name]})",
    )
    for rank, document in enumerate(ranked(translator.run({name: asked[name]}, 3)[name]), start=1):
        say_styled(f" {'✓' if document == name else ' '} {rank}. {titles[document]}")


def _show_scores(job: MainJob) -> None:
    """The table of systems on test titles, narrow enough for 80 columns."""
    from kivuko.cli.display import print_table, say
    from kivuko.evaluation.measures import evaluate
    from kivuko.experiment.main_job import SYSTEMS

    qrels = job.qrels()
    rows = []
    for system in job.systems():
        scores = evaluate(job.run(system), qrels, MEASURES)
        summaries = [scores.summary(measure) for measure in MEASURES]
        rows.append(
            [
                SYSTEMS[system],
                *(f"{each.mean:.3f} [{_short(each.low)}, {_short(each.high)}]" for each in summaries),
            ]
        )
    title = f"Mean [95 % interval] over {len(qrels):,} test titles"
    print_table(["system", *MEASURES], rows, title=title)
    untrained = "zero-shot: the encoder as is; centred: minus its mean English token;\n"
    say(
        (untrained if "zero-shot-centred" in job.systems() else "zero-shot: without the language's bitext;\n")
        + "teacher: trained in English.\n"
        f"Titles in {job.language.name} against all {len(job.collection.documents):,} English pages;\n"
        "training saw no test page. The bitext is software help and interface text:\n"
        "expect less on other domains."
    )


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def _show_queries(job: MainJob) -> None:
    """Three test queries, spread over the list, with their best documents and matched tokens."""
    from kivuko.cli.display import say_styled, show_matches
    from kivuko.models.encoder import Encoder
    from kivuko.ranking import ranked
    from kivuko.retrieval.index import Index
    from kivuko.retrieval.late_interaction import explain

    queries = job.collection.queries("title", "test")
    english = job.collection.queries("english-title", "test")
    run, index, student = job.run("fusion"), Index.open(job.index), Encoder.open(job.student)
    titles = {document.id: document.title for document in job.collection.documents}
    names = sorted(queries)
    for name in names[len(names) // 6 :: max(1, len(names) // 3)][:3]:
        say_styled("\n", (queries[name], "bold"), f"  (in English: {english[name]})")
        for rank, document in enumerate(ranked(run[name])[:3], start=1):
            mark = "✓" if document == name else " "
            say_styled(f" {mark} {rank}. {titles[document]}")
        show_matches(explain(index, student, queries[name], ranked(run[name])[0]))


def _show_next(job: MainJob) -> None:
    """The engine that the demo leaves behind, and the exact commands to go on with."""
    from kivuko.cli.display import say_styled
    from kivuko.codeswitch import Lexicon
    from kivuko.engine import Engine
    from kivuko.engine.languages import LanguageParts

    engine = Engine.of_index(job.student.parent / "engine", job.index, job.teacher)
    parts = LanguageParts(student=job.student, lexicon=Lexicon.open(job.lexicon), source="the demo's bitext")
    engine.add_language(job.language, parts)
    short = job.language.short
    say_styled(
        "\n",
        ("Go on", "bold"),
        "\n"
        f'  kivuko search {engine.path} "…" --explain\n'
        "  kivuko engine create my-engine --documents MY_DOCUMENTS.tsv\n"
        f"  kivuko engine add-language my-engine {short} --bitext MY_PAIRS.tsv\n"
        "  kivuko demo --language Khmer\n"
        f"  kivuko demo --language {short} --full",
        whole_lines=True,
    )
