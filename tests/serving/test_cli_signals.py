"""SIGTERM ends a command as Ctrl-C does, also where Ctrl-C is ignored."""

from __future__ import annotations

import signal

import pytest

from serving.cli.terminal import as_interrupt


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN], ids=["heeded", "ignored"])
def test_sigterm_interrupts(ctrl_c: signal.Handlers) -> None:
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        signal.signal(signal.SIGINT, ctrl_c)
        signal.signal(signal.SIGTERM, as_interrupt)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
