import inspect
import os
import subprocess
import sys

import pytest

from retrieval.search import SearchSettings
from serving.cli.search import search
from serving.ingest.machine import available_cores

_SEARCHES = "import sys, serving.cli.main; from serving.threads import one_thread_a_search as one; one(); "
_COUNTS = (
    "import faiss, numpy, torch; from serving.threads import all_threads_for_a_model as all_; "
    "found = [faiss.omp_get_max_threads(), torch.get_num_threads()]; all_(); print(*found, torch.get_num_threads())"
)


def counted(**environment: str) -> list[int]:
    """Threads of FAISS and of torch in a process that searches, and of torch when it runs a model over pictures."""
    plain = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", _SEARCHES + _COUNTS], capture_output=True, text=True, check=True, env=plain | environment
    )
    return [int(word) for word in done.stdout.split()]


def test_a_search_has_one_thread_and_a_model_that_reads_pictures_all():
    assert counted() == [1, 1, available_cores()]


def test_who_sets_the_number_of_threads_keeps_it():
    assert counted(OMP_NUM_THREADS="1") == [1, 1, 1]


@pytest.mark.parametrize("command", ["serve", "search", "mcp"])
def test_nothing_that_starts_threads_is_imported_before_a_command_says_how_many(command):
    code = f"import sys, serving.cli.{command}; print(sorted({{'numpy', 'faiss', 'torch', 'onnxruntime'}} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("name", ["moments", "diversity"])
def test_the_help_of_a_search_names_the_defaults(name):
    option = inspect.signature(search, eval_str=True).parameters[name].annotation.__metadata__[0]
    assert option.help.endswith(f"Default: {getattr(SearchSettings, name)}.")
