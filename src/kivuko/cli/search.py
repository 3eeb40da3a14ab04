"""``kivuko search``: one query against an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    index: Annotated[Path, typer.Argument(help="Index folder (kivuko index build).")],
    query: Annotated[str, typer.Argument(help="The query, in the student's language.")],
    model: Annotated[
        Path | None,
        typer.Option(help="Student that encodes the query; by default the teacher that built the index."),
    ] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(help="Lexicon folder: also translate the query word by word, search by BM25, and fuse."),
    ] = None,
    weight: Annotated[float, typer.Option(min=0, max=1, help="Weight of the student in the fusion.")] = 0.5,
    top: Annotated[int, typer.Option(min=1, help="Documents to show.")] = 5,
    explain: Annotated[
        bool, typer.Option(help="Show which query token matched which document token.")
    ] = False,
) -> None:
    """Search by exact late interaction, fused with lexicon BM25 where a lexicon is given."""
    from kivuko.cli.display import console, show_matches
    from kivuko.codeswitch import Lexicon
    from kivuko.errors import InputError
    from kivuko.retrieval.fusion import reciprocal_rank_fusion
    from kivuko.retrieval.index import Index
    from kivuko.retrieval.late_interaction import explain as explain_match
    from kivuko.retrieval.late_interaction import search_late_interaction
    from kivuko.retrieval.lexical import LexicalIndex
    from kivuko.retrieval.translate import QueryTranslator
    from kivuko.training.teacher import default_teacher

    if not query.strip():
        raise InputError("the query is empty", expected="at least one word", remedy="type what you look for")
    opened = Index.open(index)
    encoder = model or default_teacher()
    run = search_late_interaction(opened, encoder, {"query": query})
    if lexicon is not None:
        translator = QueryTranslator(Lexicon.open(lexicon), LexicalIndex(opened.documents))
        run = reciprocal_rank_fusion(run, translator.run({"query": query}, 100), k=10, weight=weight)
    hits = list(run["query"].items())[:top]
    if not hits:
        console.print("Nothing found: the query has no token that the model or the lexicon knows.")
    titles = {document.id: document.title for document in opened.documents}
    for rank, (document, score) in enumerate(hits, start=1):
        console.print(f"{rank}. [bold]{titles[document]}[/bold]  {score:.3f}  {document}", highlight=False)
        if explain:
            matches = explain_match(opened, encoder, query, document)
            show_matches([(match.query_word, match.document_word, match.similarity) for match in matches])
