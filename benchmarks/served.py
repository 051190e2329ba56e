"""A real `wenshi serve` in a process of its own, which may be killed and started again at the same address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import psutil

_START_SECONDS = 300.0


class Server:
    """`lives` counts its starts. module: what is run in place of `wenshi`."""

    def __init__(
        self, library: Path, *options: str, log: Path, module: str = "serving.cli.main", workers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._command = [
            sys.executable, "-m", module, "serve", "-l", str(library), "--port", str(self.port),
            "--no-on-screen-text", "--rate", "1000000", "--workers", str(workers), *options,
        ]  # fmt: skip
        self._environment = {**os.environ, **(environment or {})}
        self._log, self.workers = log, workers
        self._process: subprocess.Popen[bytes] | None = None
        self._up = threading.Event()
        self.lives = 0

    def start(self) -> float:
        """Seconds until it is ready. RuntimeError with the end of its log when it never is."""
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)
        while time.monotonic() - began < _START_SECONDS and self._process.poll() is None:
            try:
                if httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200:
                    self.lives += 1
                    self._up.set()
                    return time.monotonic() - began
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError(f"the service did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """SIGKILL, at whatever it is."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As a person ends it; the exit status."""
        return self._end(signal.SIGINT)

    def life(self) -> int | None:
        """Which life this is, None while it is down: the same before and after a request = nothing excuses its failure."""
        return self.lives if self._up.is_set() else None

    def wait(self) -> int:
        """The life that goes on, or the next one."""
        self._up.wait()
        return self.lives

    def resident_bytes(self) -> int:
        """Of the process and its workers, without other children: those read videos and end."""
        assert self._process is not None
        one = psutil.Process(self._process.pid)
        workers = one.children() if self.workers > 1 else []
        return int(sum(process.memory_info().rss for process in (one, *workers)))

    def cpu_seconds(self) -> float:
        """Of the process and of its workers."""
        assert self._process is not None
        one = psutil.Process(self._process.pid)
        times = [process.cpu_times() for process in (one, *one.children(recursive=True))]
        return float(sum(each.user + each.system for each in times))

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._up.clear()
        self._process.send_signal(how)
        return self._process.wait(60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def loads() -> str:
    """What else the machine does, for a line beside numbers."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def percentiles(milliseconds: Sequence[float]) -> str:
    """p50 and p99 of times."""
    ordered = sorted(milliseconds)
    return f"p50 {ordered[len(ordered) // 2]:7.1f} ms  p99 {ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]:7.1f} ms"
