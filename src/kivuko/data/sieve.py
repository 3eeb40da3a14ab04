"""What a pass over a long source leaves, as a part of :mod:`kivuko.files.resumable`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from kivuko.files.resumable import Unfinished

Record = TypeVar("Record")
Item = TypeVar("Item")


class Sieved(Generic[Item]):
    """What ``keep`` makes of each record, where that is not None: of the part, else from the source.

    Args:
        work: where to keep it; None keeps nothing.
        name: of the part.
        records: the source from its front; not touched when the part is finished.
        keep: makes of a record something that JSON gives back as it was (lists, no tuples).
        what: the records are, in words.

    Attributes:
        read: records that were looked at, once all items were drawn.
        kept: items that were drawn.
    """

    def __init__(
        self,
        work: Unfinished | None,
        name: str,
        records: Iterable[Record],
        keep: Callable[[Record], Item | None],
        what: str = "records",
    ) -> None:
        self.read = self.kept = 0

        def make() -> Iterator[list[Item] | int]:
            read = 0
            for record in records:
                read += 1
                if (item := keep(record)) is not None:
                    yield [item]
            yield read

        self._items: Iterator[list[Item] | int] = work.part(name, make) if work else make()

    def __iter__(self) -> Iterator[Item]:
        for found in self._items:
            if isinstance(found, int):
                self.read = found
            else:
                self.kept += 1
                yield found[0]


def computed(
    work: Unfinished | None, name: str, records: Iterable[Record], compute: Callable[[Record], Item]
) -> Iterator[tuple[Record, Item]]:
    """Each record with what ``compute`` makes of it, which is not made again where the part is finished.

    Unlike :class:`Sieved`, all records are drawn, which has to be cheap. Other arguments as there.
    """
    if work is None:
        yield from ((record, compute(record)) for record in records)
        return
    drawn, source = [], iter(records)

    def make() -> Iterator[Item]:
        for record in source:
            drawn.append(record)
            yield compute(record)

    for item in work.part(name, make):
        yield drawn.pop() if drawn else next(source), item
