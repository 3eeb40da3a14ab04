"""Score two systems on TREC files and say whether one is better. Works on anybody's runs; no torch.

python examples/evaluate_and_compare.py                              # on made-up runs
python examples/evaluate_and_compare.py QRELS FIRST.run SECOND.run   # on yours
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import kivuko

MEASURES = ["nDCG@10", "RR@10"]


def made_up(folder: Path, queries: int = 60) -> list[Path]:
    """Qrels with one relevant document a query, and two runs: the second ranks it a little higher on average."""
    rng = random.Random(0)
    qrels, first, second = {}, {}, {}
    for number in range(queries):
        query, rank = f"q{number}", rng.randint(1, 8)
        qrels[query] = {"wanted": 1}
        first[query] = ranking(rank)
        second[query] = ranking(max(1, rank - rng.choice([0, 0, 1, 2])))
    (folder / "qrels.txt").write_text("".join(f"{query} 0 wanted 1\n" for query in qrels), encoding="utf-8")
    kivuko.write_run(folder / "first.run", first, tag="first")
    kivuko.write_run(folder / "second.run", second, tag="second")
    return [folder / name for name in ("qrels.txt", "first.run", "second.run")]


def ranking(rank: int) -> dict[str, float]:
    """Ten documents by falling score, the wanted one at ``rank``."""
    others = iter(f"d{place}" for place in range(10))
    return {"wanted" if place == rank else next(others): 10.0 - place for place in range(1, 11)}


def main(qrels_file: Path, *run_files: Path) -> None:
    """Print what each run reaches, and what may be said about their difference."""
    qrels = kivuko.read_qrels(qrels_file)
    scores = {run.stem: kivuko.evaluate(kivuko.read_run(run), qrels, MEASURES) for run in run_files}
    for system, reached in scores.items():
        for measure in MEASURES:
            summary = reached.summary(measure)
            print(
                f"{system}: {measure} {summary.mean:.3f} [{summary.low:.3f}, {summary.high:.3f}], n = {summary.n}"
            )

    # Paired randomisation tests, Holm's correction over all that is compared: here one pair on two measures.
    compared = kivuko.compare_systems(
        {system: {"all": [reached.per_query]} for system, reached in scores.items()}
    )
    for difference in compared.differences:
        effect = difference.effect
        print(
            f"{difference.first} - {difference.second}, {difference.measure}: {effect.difference:+.3f} "
            f"[{effect.low:+.3f}, {effect.high:+.3f}], p (Holm) {difference.p_holm:.3f}: {difference.verdict}"
        )


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]] or made_up(Path(tempfile.mkdtemp()))
    main(*files)
