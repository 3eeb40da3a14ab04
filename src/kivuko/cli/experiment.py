"""``kivuko experiment``: compare training regimes, and report on the comparison."""

from __future__ import annotations

import functools
import itertools
import time
from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.workers import DriverOption, GpusOption, RayAddressOption, chosen_workers

app = typer.Typer(help="Compare training regimes.", no_args_is_help=True)

Config = Annotated[Path, typer.Argument(help="The experiment's TOML file.")]
Folder = Annotated[
    Path | None, typer.Option("--results", help="Folder of results; docs/results/NAME by default.")
]


@app.callback()
def group() -> None:
    """Compare training regimes."""


@app.command("run")
def run(
    config: Config,
    results: Folder = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Cells to run: optical, optical.1k, optical.1k.0 … All by default."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Start no cell after this long.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cells to measure at once, by a process of one thread each.")
    ] = None,
    driver: DriverOption = "processes",
    ray_address: RayAddressOption = None,
    gpus: GpusOption = 0.0,
) -> None:
    """Measure the cells that are not finished yet.

    The same command may run several times at once, with one thread each: every cell is measured once.
    """
    import torch

    from kivuko.cli.display import bars, say
    from kivuko.experiment.cell_files import finished_cells
    from kivuko.experiment.config import read_experiment
    from kivuko.experiment.grid import cells_of, missing_cells, run_cell, run_grid

    if threads:
        torch.set_num_threads(threads)
    chosen = chosen_workers(driver, workers, ray_address, gpus)
    experiment = read_experiment(config)
    folder = results or Path("docs/results") / experiment.name
    if workers is None and driver == "processes":
        with bars() as progress:
            run_grid(
                experiment,
                folder,
                only=only or (),
                minutes=minutes,
                say=say,
                progress=progress,
            )
    else:
        began = time.monotonic()
        names = (cell.name for cell in cells_of(experiment, only or ()))
        in_time = itertools.takewhile(
            lambda _: minutes is None or time.monotonic() - began <= 60 * minutes, names
        )
        work = functools.partial(run_cell, config.absolute(), folder.absolute())
        for _, said in chosen.done(work, in_time):
            for line in said:
                say(line)
    missing = missing_cells(experiment, finished_cells(folder))
    if missing:
        say(f"{len(missing)} cells are missing or being measured elsewhere; the same command goes on.")
    say(f"Next: kivuko experiment report {config}")


@app.command("report")
def report(
    config: Config,
    results: Folder = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the report as JSON, every score with its interval; write nothing."
        ),
    ] = False,
) -> None:
    """Report on the finished cells, and name those that are not: README.md, report.html, tables."""
    from importlib.util import find_spec

    from kivuko.cli.display import print_json, say
    from kivuko.experiment.cell_files import finished_cells
    from kivuko.experiment.config import read_experiment
    from kivuko.experiment.grid import missing_cells
    from kivuko.experiment.report.assembly import build_report, write_report
    from kivuko.experiment.report.cells import read_cells

    experiment = read_experiment(config)
    folder = results or Path("docs/results") / experiment.name
    cells = finished_cells(folder)
    found = read_cells(cells, experiment)
    missing = [(cell.line.name, cell.budget, cell.seed) for cell in missing_cells(experiment, cells)]
    if json:
        print_json(build_report(found, expected=missing).as_json())
        return
    drawable = all(find_spec(name) for name in ("jinja2", "matplotlib"))
    drawn, pictures = [], [(picture.title, picture.path.as_posix()) for picture in experiment.pictures]
    if drawable:
        from kivuko.experiment.report.charts import charts
        from kivuko.experiment.report.page import PAGE, save_charts, write_page

        drawn = charts(found)
        pictures = [*save_charts(drawn, folder), *pictures]
    command = f"kivuko experiment run {config} && kivuko experiment report {config}"
    made = build_report(found, expected=missing, pictures=pictures)
    write_report(made, folder, command=command)
    say(f"{folder / 'README.md'}: report on {len(cells)} cells")
    if not drawable:
        say("No report.html and no pictures without matplotlib: pip install 'kivuko[report]'")
        return
    from kivuko.experiment.test_bed import test_bed

    lacking = write_page(
        made,
        found,
        test_bed(experiment),
        folder,
        drawn,
        command=command,
        config=config.read_text(encoding="utf-8"),
    )
    say(f"{folder / PAGE}: the same as a page, with pictures")
    for line in lacking:
        say(line)


@app.command("pack")
def pack(config: Config, results: Folder = None) -> None:
    """Put the finished cells into one compressed file, which run and report read as well."""
    from kivuko.cli.display import say
    from kivuko.experiment.cell_files import PACKED, pack_cells
    from kivuko.experiment.config import read_experiment

    folder = results or Path("docs/results") / read_experiment(config).name
    count = pack_cells(folder)
    say(f"{folder / PACKED}: {count} cells")
