"""``kivuko serve``: an engine as a service, with a page for people and an API for programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.display import ThreadsOption, note, say, set_threads
from kivuko.cli.workers import DriverOption, RayAddressOption, chosen_workers

#: What waits for a core shares its scan with others that wait (see kivuko.retrieval.sharing).
_WORKERS_A_CORE = 4


def command(
    engine: Annotated[Path, typer.Argument(help="Engine folder.")],
    also: Annotated[
        list[Path] | None,
        typer.Option(
            help="Further engine or index folders, whose documents are searched as if they lay in the first."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; this machine alone by default.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")
    ] = 8080,
    writable: Annotated[
        bool, typer.Option("--writable", help="Let who knows the token add and delete documents.")
    ] = False,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token; the variable KIVUKO_TOKEN by default.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Searches that run at once; four times the cores by default."),
    ] = None,
    queue: Annotated[int, typer.Option(min=0, help="Searches that wait; more are told to come again.")] = 64,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name under which the service is asked, such as that of the proxy before it."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Other site whose pages may ask (CORS): https://example.org")
    ] = None,
    log_queries: Annotated[
        bool, typer.Option("--log-queries", help="Write the text of queries into the log, too.")
    ] = False,
    localise: Annotated[
        bool,
        typer.Option(
            "--localise",
            help="Show the page's words in the engine's languages, as volunteers translated them for free programs "
            "(MediaWiki, LibreOffice and others; fetched once, licences shown).",
        ),
    ] = False,
    driver: DriverOption = "processes",
    ray_address: RayAddressOption = None,
    replicas: Annotated[
        int, typer.Option(min=1, help="Of a Ray cluster: actors of one core for each folder that is scanned.")
    ] = 1,
    threads: ThreadsOption = None,
) -> None:
    """Serve a page to search an engine with, and an HTTP API, until Ctrl-C or SIGTERM."""
    import logging

    from kivuko.service.server import LOOPBACK, is_loopback, serve
    from kivuko.service.settings import Settings, read_token

    set_threads(threads)
    local = is_loopback(host)
    names = tuple(name.lower() for name in allow_host or ())
    if not local:
        note(
            f"{host} can be reached from other machines: without TLS all that is asked can be read on the way; "
            "docs/serving.md says how to run it behind a proxy"
        )
    settings = Settings(
        workers=workers or _WORKERS_A_CORE * (os.cpu_count() or 1),
        queue=queue,
        token=read_token(token_file) if writable else None,
        hosts=(*LOOPBACK, host.lower(), *names) if local or names else (),
        origins=tuple(allow_origin or ()),
        log_queries=log_queries,
    )
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    scanners = None
    if chosen_workers(driver, None, ray_address).driver == "ray":
        from kivuko.engine import scanners_of

        scanners = scanners_of(engine, also or (), replicas=replicas, address=ray_address)
    serve(engine, host, port, settings, say, also=also or (), scanners=scanners, localise=localise)
