"""A service in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path


class running:
    """`wenshi serve` as a process of its own, with its address."""

    def __init__(self, library: Path, *options: str) -> None:
        command = [
            sys.executable, "-m", "serving.cli.main", "serve", "-l", str(library), "--port", "0", "--model", "none",
            "--no-on-screen-text", *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})

    def __enter__(self):
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if " at http" in line:
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return self.process, line.split(" at ")[1].split()[0]
        raise AssertionError("the service did not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
