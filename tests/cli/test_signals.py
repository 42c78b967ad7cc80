"""Signals end a run even where Python drops what they raise, and not where they are to be ignored."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from processes import ENVIRONMENT

from subremover.cli.progress_bar import ProgressBar
from subremover.cli.signals import raise_signal, watch_signals
from subremover.progress import Progress

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = [
        signal.signal(number, signal.SIG_DFL) for number in NUMBERS
    ]  # whoever runs the tests may ignore some
    yield
    watch_signals()  # forgets what was received
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


class Finalized:
    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)
        for _ in range(100):  # here the handler runs
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("number", "error", "code"),
    [(signal.SIGINT, KeyboardInterrupt, ()), (signal.SIGTERM, SystemExit, (143,))],
)
def test_a_signal_amid_a_finalizer_ends_the_run_at_the_next_frame(
    number: int, error: type[BaseException], code: tuple[int, ...]
) -> None:
    watch_signals()
    some = Finalized(number)
    del some
    with ProgressBar("a.mp4", True) as bar, pytest.raises(error) as raised:
        bar.update(Progress("render", 1, 2))
    assert raised.value.args == code


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_raises_at_once(number: int) -> None:
    watch_signals()
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_further_signals_do_not_disturb_the_cleaning_up(number: int) -> None:
    watch_signals()
    with pytest.raises((KeyboardInterrupt, SystemExit)) as raised:
        os.kill(os.getpid(), number)
    for further in (number, *NUMBERS):
        os.kill(os.getpid(), further)
    with pytest.raises(raised.type):  # still what the first one has said
        raise_signal()


def test_what_hangs_can_be_ended() -> None:
    code = (
        "import os, signal; from subremover.cli import signals\n"
        "signals.watch_signals()\n"
        "try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "except SystemExit: signals.PATIENCE_SECONDS = 0\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "for _ in range(100): pass\n"
    )
    assert subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=False).returncode == 143


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    watch_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    ProgressBar("a.mp4", True).update(Progress("scan", 1, 2))
