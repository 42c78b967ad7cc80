"""OpenCV's threads beside ours."""

from collections.abc import Iterator
from contextlib import ExitStack

import cv2
import pytest

from subremover.runtime.cpu import one_opencv_thread


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


def test_opencv_gets_its_threads_back():
    with one_opencv_thread():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 3


def test_opencv_gets_its_threads_back_after_an_error():
    with pytest.raises(RuntimeError), one_opencv_thread():
        raise RuntimeError
    assert cv2.getNumThreads() == 3


def test_the_last_to_leave_gives_them_back():
    first, second = ExitStack(), ExitStack()
    for film in (first, second):
        film.enter_context(one_opencv_thread())
    first.close()
    assert cv2.getNumThreads() == 1
    second.close()
    assert cv2.getNumThreads() == 3
