"""How many threads the processes that answer searches use, and those that they start for a model."""

from __future__ import annotations

import os

from serving.ingest.machine import available_cores

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_OURS = "WENSHI_ONE_THREAD"         # tells the processes that inherit them that no person set these


def one_thread_a_search() -> None:
    """Let NumPy, FAISS and torch use one thread, where nobody set a number; to be said before any of them is imported.

    A search compares a few thousand numbers at a time: waking a second thread and waiting for it took longer than what it
    takes over, and half of the CPU time. Other cores are there for other searches.
    """
    if not any(name in os.environ for name in ONE_THREAD):
        os.environ.update(ONE_THREAD, **{_OURS: "1"})


def all_threads_for_a_model() -> None:
    """In a process that such a one started for a model that reads many pictures: a thread a core for torch again."""
    if _OURS in os.environ:
        import torch

        torch.set_num_threads(available_cores())
