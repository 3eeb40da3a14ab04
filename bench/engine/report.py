"""``results.json``, ``README.md`` and the plot, from the cells that have been measured."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from catalogue import COMPRESSED, EXACT, FLAT, OURS, PEERS, PLAID
from limited_process import FINISHED, THREAD_VARIABLES
from vector_sets import NAMES

from kivuko.artifact import write_atomically
from kivuko.evaluation.results import write_results

Cells = list[dict[str, Any]]
TITLE = "The retrieval engine beside its peers"
PLOT = "cost.svg"
NEEDED = {"recall@10": 0.98, "recall@100": 0.95}
TARGET_COLLECTION, TARGET_THREADS = "debian", 1
_OURS = {system.name for system in OURS}
_ORDER = [system.name for system in (*OURS, *PEERS)]

NOTES = f"""
Each system in its own process, the peers in their own environments with pinned versions; one query at a time after
five that are not counted. CPU is the process's total, user and system, all threads: p50 and p95 over the queries.
`queries` is how many were asked: with a slow setting as many as its share of CPU time allowed. `threads`: variables
{
    ", ".join(f"`{name}`" for name in THREAD_VARIABLES)
}, the systems' own options where they have them, and a process that
may run on no more cores than that; threads that a library starts beyond them share these cores.

`recall@k` is the share of the k best documents of the exact ranking (float32 MaxSim of the float16 vectors) that the
first k hold; a document whose exact score equals the k-th best counts. `own@10`: the share of queries whose own
document, the one they are a translation of a title of, is among the first 10. `B/token`: what searching needs on the
disk (of flat torch, which has no index, in memory) for each token vector; `index B/token` is without the vectors that
rank what was found, of which a query reads a few: LanceDB's index, and of ours what every query reads through.
Settings are from cheap to thorough, the default among them (of `kivuko compressed`, factor 8).

fast-plaid is the engine of PyLate's PLAID index. The index of packages has the torch it is bound to for Linux only
as the build for CUDA; this environment has it with empty stand-ins for the CUDA libraries, which a search on the CPU
does not call. Qdrant's HNSW compares whole documents by MaxSim while it builds; `pooled`, candidates by each
document's mean vector, avoids that.

![CPU ms a query over token vectors]({PLOT})

The plot has, for each system and collection, the cheapest setting with {
    " and ".join(f"{name} ≥ {least}" for name, least in NEEDED.items())
}, chosen on these very queries; a hollow mark is of a system without such a setting, its most thorough one.
"""


def read_cells(folder: Path) -> Cells:
    """The measured cells, in the catalogue's order; those of systems that are no longer in it are left out."""
    cells = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    known = [cell for cell in cells if cell["system"] in _ORDER]
    return sorted(
        known,
        key=lambda cell: (NAMES.index(cell["collection"]), cell["threads"], _ORDER.index(cell["system"])),
    )


def write_report(folder: Path, cells: Cells, command: str) -> None:
    """Write everything below ``folder``."""
    rows = [row for cell in cells for row in _rows(cell)]
    extra: dict[str, Any] = {"Targets": targets(cells)}
    for name in NAMES:
        for threads in sorted({cell["threads"] for cell in cells if cell["collection"] == name}):
            chosen = [c for c in cells if (c["collection"], c["threads"]) == (name, threads)]
            shown = [
                {key: value for key, value in row.items() if key not in {"collection", "threads"}}
                for cell in chosen
                for row in _rows(cell)
            ]
            facts = f"{chosen[0]['note']}. {chosen[0]['tokens']:,} token vectors."
            heading = f"{chosen[0]['documents']:,} documents, {threads} thread{'s'[: threads > 1]}"
            extra[heading] = [facts, *shown]
    versions = {cell["system"]: cell["versions"] for cell in cells}
    extra["Versions"] = [
        {"system": system, "versions": ", ".join(f"{name} {value}" for name, value in of.items())}
        for system, of in versions.items()
    ]
    _plot(folder / PLOT, [cell for cell in cells if cell["threads"] == TARGET_THREADS])
    write_results(folder, TITLE, rows, command=command, notes=NOTES, extra=extra, show_rows=False)


def _rows(cell: dict[str, Any]) -> list[dict[str, Any]]:
    """Flat rows of a cell: one for each setting, at least one."""
    build = cell["build"] or {}
    base = {"collection": cell["collection"], "threads": cell["threads"], "system": cell["system"]}
    index = {
        "B/token": build["bytes"] / cell["tokens"] if build else None,
        "index B/token": build["parts"]["index alone"] / cell["tokens"] if build.get("parts") else None,
        "build CPU s": build.get("cpu_s"),
        "build s": build.get("wall_s"),
        "note": None if cell["status"] == FINISHED else cell["status"],
    }
    return [
        base
        | {"setting": ", ".join(f"{name} {value}" for name, value in search["setting"].items()) or None}
        | {name: search[name] for name in ("queries", "recall@10", "recall@100", "own@10")}
        | {
            f"{label} {percent}": search[clock][percent]
            for clock, label in (("cpu_ms", "CPU ms"), ("wall_ms", "ms"))
            for percent in ("p50", "p95")
        }
        | index
        for search in cell["searches"]
    ] or [base | {"setting": None} | index]


def chosen_setting(cell: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """The cheapest setting with the recall that is needed and True, else the one of most recall and False."""
    enough = [s for s in cell["searches"] if all(s[name] >= least for name, least in NEEDED.items())]
    if enough:
        return min(enough, key=lambda search: search["cpu_ms"]["p50"]), True
    found = max(cell["searches"], key=lambda search: search["recall@10"], default=None)
    return found, False


def targets(cells: Cells) -> list[dict[str, Any]]:
    """What was asked of our engine and what was measured; rows whose systems have not run say so."""
    at = {
        cell["system"]: cell
        for cell in cells
        if (cell["collection"], cell["threads"]) == (TARGET_COLLECTION, TARGET_THREADS)
    }
    cost, reached = {}, {}
    for system, cell in at.items():
        search, enough = chosen_setting(cell)
        if search is not None:
            cost[system], reached[system] = search["cpu_ms"]["p50"], enough
    compressed = chosen_setting(at[COMPRESSED])[0] if COMPRESSED in cost else None
    peers = {name: cost[name] for name in cost if reached[name] and name not in _OURS}
    best = min(peers, key=lambda name: peers[name], default=None)
    plaid, plaid_bound = _build_seconds(at.get(PLAID))
    ours, _ = _build_seconds(at.get(COMPRESSED))
    of_build = f"build CPU: {COMPRESSED} ÷ {PLAID}" + (", which was stopped before" if plaid_bound else "")
    rows = [
        _target(f"CPU a query: {FLAT} ÷ {EXACT}", "at least", 2.0, _ratio(cost.get(FLAT), cost.get(EXACT))),
        *(
            _target(f"{name}, {COMPRESSED}", "at least", least, compressed and compressed[name])
            for name, least in NEEDED.items()
        ),
        _target(
            f"CPU a query: {COMPRESSED} ÷ {EXACT}", "at most", 0.15, _ratio(cost.get(COMPRESSED), cost.get(EXACT)),
        ),
        _target(
            f"CPU a query: {COMPRESSED} ÷ {best or 'the cheapest peer'} at that recall", "below", 1.0,
            _ratio(cost.get(COMPRESSED), cost.get(best) if best else None),
        ),
        _target(
            f"bytes a token that every query reads, {COMPRESSED}", "at most", 40.0,
            at[COMPRESSED]["build"]["parts"]["index alone"] / at[COMPRESSED]["tokens"] if ours else None,
        ),
        _target(
            f"bytes a token with the vectors that rank, {COMPRESSED}", "at most", 40.0,
            at[COMPRESSED]["build"]["bytes"] / at[COMPRESSED]["tokens"] if ours else None,
        ),
        _target(of_build, "at most", 0.1, _ratio(ours, plaid)),
    ]  # fmt: skip
    of_one = {"at": f"{TARGET_COLLECTION}, {TARGET_THREADS} thread"}
    growth = _target(f"exponent of CPU over tokens, {COMPRESSED}", "below", 1.0, _growth(cells, COMPRESSED))
    return [*(of_one | row for row in rows), {"at": f"all sizes, {TARGET_THREADS} thread"} | growth]


def _target(what: str, asked: str, bound: float, measured: float | None) -> dict[str, Any]:
    met = None
    if measured is not None:
        holds = {"at least": measured >= bound, "at most": measured <= bound, "below": measured < bound}
        met = "yes" if holds[asked] else "no"
    return {"target": what, "asked": f"{asked} {bound:g}", "measured": measured, "met": met}


def _ratio(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first / second


def _build_seconds(cell: dict[str, Any] | None) -> tuple[float | None, bool]:
    """CPU seconds of the build, and whether they are a lower bound because it was stopped."""
    if cell is None:
        return None, False
    if cell["build"]:
        return cell["build"]["cpu_s"], False
    return (cell["cpu_limit_s"], True) if cell["status"].startswith("stopped after") else (None, False)


def _growth(cells: Cells, system: str) -> float | None:
    """Slope of log CPU over log tokens from the smallest to the largest measured collection."""
    points = []
    for cell in cells:
        search, _ = chosen_setting(cell)
        if cell["system"] == system and cell["threads"] == TARGET_THREADS and search is not None:
            points.append((cell["tokens"], search["cpu_ms"]["p50"]))
    if len(points) < 2:
        return None
    (first, cheap), (last, dear) = min(points), max(points)
    return math.log(dear / cheap) / math.log(last / first)


def _plot(path: Path, cells: Cells) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = TITLE
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6))
    colours = pyplot.get_cmap("tab20").colors
    for number, system in enumerate(_ORDER):
        points = []
        for cell in cells:
            search, enough = chosen_setting(cell)
            if cell["system"] == system and search is not None:
                points.append((cell["tokens"], search["cpu_ms"]["p50"], enough))
        if not points:
            continue
        points.sort()
        line = {"color": colours[number % len(colours)], "linewidth": 3 if system in _OURS else 1.2}
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], label=system, **line)
        for x, y, enough in points:
            axes.plot(x, y, "o", color=line["color"], fillstyle="full" if enough else "none")
    axes.set(xscale="log", yscale="log", xlabel="token vectors", ylabel="CPU ms a query (p50), one thread")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as temporary:
        figure.savefig(temporary, format="svg", bbox_inches="tight", metadata={"Date": None})
        temporary.chmod(0o644)
    pyplot.close(figure)
