"""What a pass over a long source leaves, kept while it is made (:mod:`kivuko.files.resumable`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from kivuko.files.resumable import Unfinished, json_line

Record = TypeVar("Record")
Item = TypeVar("Item")


class Sieved(Generic[Item]):
    """What ``keep`` makes of each record, where that is not None: from the part's file, then from the source.

    Args:
        work: where to keep it; None keeps nothing.
        name: of the part; its file has an item a line, as JSON.
        records: the source from its front; not touched when the part has ended.
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
        self._items = self._all(work, name, records, keep, what)

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self.kept += 1
            yield item

    def _all(
        self,
        work: Unfinished | None,
        name: str,
        records: Iterable[Record],
        keep: Callable[[Record], Item | None],
        what: str,
    ) -> Iterator[Item]:
        if work is None:
            for self.read, record in enumerate(records, start=1):
                if (item := keep(record)) is not None:
                    yield item
            return
        part = work.part(name)
        self.read = part.read
        yield from map(json.loads, work.kept_lines(name))
        if part.ended:
            return
        work.goes_on(name, what)
        with work.appending(name) as stream:
            for self.read, record in enumerate(islice(records, part.read, None), start=part.read + 1):
                if (item := keep(record)) is not None:
                    stream.write(json_line(item))
                    yield item
                if work.is_due:
                    work.save(name, self.read)
            work.save(name, self.read, ended=True)


def computed(
    work: Unfinished | None, name: str, records: Iterable[Record], compute: Callable[[Record], Item]
) -> Iterator[tuple[Record, Item]]:
    """Each record with what ``compute`` makes of it, which is not made again for those of an interrupted run.

    Unlike :class:`Sieved`, all records are drawn, which has to be cheap. Other arguments as there.
    """
    if work is None:
        yield from ((record, compute(record)) for record in records)
        return
    part = work.part(name)
    kept = map(json.loads, work.kept_lines(name))
    number = 0
    with work.appending(name) as stream:
        for number, record in enumerate(records, start=1):
            if number <= part.read:
                yield record, next(kept)
                continue
            item = compute(record)
            stream.write(json_line(item))
            yield record, item
            if work.is_due:
                work.save(name, number)
        work.save(name, number, ended=True)
