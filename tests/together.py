"""Work that several do at the same instant, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def together(work: Callable[[], T], count: int = 2) -> list[T]:
    """What each came to, in no order. The first error is raised, once all are done."""
    start = threading.Barrier(count)

    def one() -> T:
        start.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return [task.result() for task in [pool.submit(one) for _ in range(count)]]


def apart(*works: Callable[[], object]) -> list[BaseException | None]:
    """Different works, begun at the same instant: what each raised, in their order."""
    start = threading.Barrier(len(works))

    def one(work: Callable[[], object]) -> None:
        start.wait()
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return [task.exception() for task in [pool.submit(one, work) for work in works]]
