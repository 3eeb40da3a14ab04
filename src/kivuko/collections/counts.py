"""Counts of what was taken and what was left out, by reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class DropReport:
    """How many of a source's records were kept, and why the others were not.

    Attributes:
        kept: records that stayed.
        reasons: reason → number of records dropped for it; of several reasons the first counts.
        changed: what was done to records that stayed → how many of them.
    """

    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    @property
    def before(self) -> int:
        """Records looked at."""
        return self.kept + self.dropped

    @property
    def dropped(self) -> int:
        """Records left out."""
        return sum(self.reasons.values())

    @property
    def reasons_text(self) -> str:
        """The reasons with their counts, for a line of text."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common()) or "none"

    def drop(self, reason: str) -> None:
        """Count one record as left out."""
        self.reasons[reason] += 1

    def as_json(self) -> dict[str, object]:
        """For a manifest: before, after, the reasons by name, and what was changed if anything was."""
        changed = {"changed": dict(sorted(self.changed.items()))} if self.changed else {}
        return {
            "before": self.before,
            "after": self.kept,
            "dropped": dict(sorted(self.reasons.items())),
            **changed,
        }
