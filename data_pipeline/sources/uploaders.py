"""An uploader leaves the corpus only as a digest that nobody can look up without the corpus's own salt."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from data_pipeline.corpus.about import CORPUS, read_about
from data_pipeline.corpus.files import write_json
from retrieval.text import normalise

_SALT = "salt"
_DIGITS = 32


def uploader_hash(uploader: str, *, salt: str) -> str:
    """32 hex digits for a name, the same for every spelling that is one after Unicode normalisation."""
    return hmac.new(salt.encode(), normalise(uploader).encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def corpus_salt(directory: Path) -> str:
    """The corpus's salt, made at the first call and kept in `corpus.json` beside what stands there.

    Raises CorpusError (unreadable, write).
    """
    about = read_about(directory)
    if _SALT not in about:
        about[_SALT] = secrets.token_hex(16)
        write_json(directory / CORPUS, about)
    return str(about[_SALT])
