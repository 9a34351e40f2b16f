"""Reading ahead: in order, a little ahead, and nothing left behind."""

from __future__ import annotations

import threading
import time

import pytest

from robustill.data.ahead import ahead


def test_the_order_is_that_of_the_items_whoever_is_faster() -> None:
    def read(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(ahead(read, range(20), workers=4)) == [i * i for i in range(20)]


def test_two_items_a_worker_are_under_way_and_no_more() -> None:
    begun: list[int] = []
    items = ahead(begun.append, range(100), workers=2)
    next(items)
    deadline = time.monotonic() + 5
    while len(begun) < 5 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.01)
    assert sorted(begun) == [0, 1, 2, 3, 4]  # the one that was asked for, and four ahead
    items.close()  # type: ignore[attr-defined]


def test_other_threads_do_the_reading() -> None:
    names = set(ahead(lambda item: threading.current_thread().name, range(10), workers=2))
    assert threading.current_thread().name not in names and all("robustill-read" in name for name in names)


def test_an_error_is_raised_at_its_turn() -> None:
    def read(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    items = ahead(read, range(10), workers=2)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(items)


def test_a_caller_who_stops_leaves_no_thread() -> None:
    before = threading.active_count()
    items = ahead(lambda item: item, range(1000), workers=3)
    next(items)
    assert threading.active_count() > before
    del items
    assert threading.active_count() == before


def test_nothing_is_read_of_nothing() -> None:
    assert list(ahead(lambda item: item, [])) == []
