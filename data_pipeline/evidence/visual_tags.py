"""What is to be seen, as tags: a tagger says it of the vectors of clips, and it becomes evidence with spans."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.protocols import TextEncoder
from retrieval.errors import InputError
from retrieval.records import Clip, Evidence
from retrieval.text import fold

TAGGER = "tagger:"                  # before the name of the tagger, in the source of the evidence
_PROMPTS = ("{}", "一张{}的图片")
_BACKGROUND = 400                   # words that are no tags
_SHARE = 0.99                       # of them must fit a clip less than a tag does
_MOST = 5                           # tags of a clip
_MOST_WORDS = 20_000
_CLIPS_AT_ONCE = 64                 # compared with all words: 5 MB
_WORDS_AT_ONCE = 512                # an encoder gives the vectors of all tokens too


class VisualTag(NamedTuple):
    """A word that fits a clip; confidence: the share of unrelated words that fit it less, 0..1."""

    word: str
    confidence: float


class VisualTagger(Protocol):
    """Tells what clips show. `version` changes with everything that changes its answers."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...

    def tags(self, vectors: NDArray[np.float32]) -> list[list[VisualTag]]:
        """The tags of each clip, best first. vectors: float32 [N, D], unit length, of the model that the tagger belongs to."""
        ...


class ZeroShotTagger:
    """Tags of a given list, by the text side of the model that made the vectors of the clips; nothing is trained.

    A cosine alone means nothing, as it differs from clip to clip: a word is a tag of a clip when it fits better than 99 %
    of common nouns that are not in the list (`background`) do.
    """

    def __init__(self, encoder: TextEncoder, words: Sequence[str], *, background: Sequence[str] | None = None) -> None:
        """Raises InputError without a word, and what the encoder raises."""
        self._words = list(dict.fromkeys(words))
        if not self._words:
            raise InputError("There is no tag to look for: give at least one word.")
        chance = common_nouns(_BACKGROUND, but_for=self._words) if background is None else background
        self.name = encoder.generation.encoder
        facts = "\n".join([encoder.generation.revision, str(_SHARE), *_PROMPTS, *self._words, "", *chance])
        self.version = f"{self.name} {hashlib.sha256(facts.encode()).hexdigest()[:12]}"
        self._vectors = _word_vectors(encoder, self._words)
        self._chance = _word_vectors(encoder, chance)

    def tags(self, vectors: NDArray[np.float32]) -> list[list[VisualTag]]:
        found: list[list[VisualTag]] = []
        for start in range(0, len(vectors), _CLIPS_AT_ONCE):
            found += self._tags(vectors[start : start + _CLIPS_AT_ONCE])
        return found

    def _tags(self, vectors: NDArray[np.float32]) -> list[list[VisualTag]]:
        found = []
        for scores, chance in zip(vectors @ self._vectors.T, np.sort(vectors @ self._chance.T, axis=1), strict=True):
            shares = np.searchsorted(chance, scores) / len(chance)
            best = [place for place in np.argsort(-scores, kind="stable")[:_MOST] if shares[place] >= _SHARE]
            found.append([VisualTag(self._words[place], float(shares[place])) for place in best])
        return found


def tag_evidence(clips: Sequence[Clip], tagger: VisualTagger) -> list[Evidence]:
    """The tags of the clips of a video that have a vector; one that goes on in the next clip is one piece."""
    seen = [clip for clip in clips if clip.vector is not None]
    if not seen:
        return []
    open_: dict[str, Evidence] = {}
    done: list[Evidence] = []
    vectors = np.stack([clip.vector for clip in seen if clip.vector is not None])
    for clip, tags in zip(seen, tagger.tags(vectors), strict=True):
        going_on = {piece.text: piece for piece in (_of_clip(clip, tag, tagger) for tag in tags)}
        for word in going_on.keys() & open_.keys():
            if open_[word].end_ms == clip.start_ms:
                going_on[word] = _joined(open_.pop(word), going_on[word])
        done += open_.values()
        open_ = going_on
    return sorted([*done, *open_.values()], key=lambda piece: (piece.start_ms, piece.text))


def read_words(path: Path) -> list[str]:
    """The words of a list, one a line; empty lines and those that begin with # are passed over. Raises InputError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"The list of tags {path} cannot be read ({reason}): give a UTF-8 text file, a word a line.") from error
    words = list(dict.fromkeys(word for line in lines if (word := " ".join(line.split())) and not word.startswith("#")))
    if not 0 < len(words) <= _MOST_WORDS:
        raise InputError(f"The list of tags {path} has {len(words)} words: give 1 to {_MOST_WORDS:,}, one a line.")
    return words


def common_nouns(count: int, *, but_for: Sequence[str]) -> list[str]:
    """The most frequent nouns of two characters in jieba's dictionary that share no character with these words.

    Where a long list leaves too few of these, the most frequent of the others that are not in it come after them.
    """
    import jieba

    listed = set(map(fold, but_for))
    taken = set("".join(listed))
    with jieba.get_dict_file() as file:
        entries = (line.decode("utf-8").split() for line in file)
        nouns = [(int(entry[1]), entry[0]) for entry in entries if len(entry) == 3 and entry[2] == "n" and len(entry[0]) == 2]
    nouns.sort(key=lambda noun: (-noun[0], noun[1]))
    words = [word for _, word in nouns if word not in listed]
    return sorted(words, key=lambda word: not taken.isdisjoint(word))[:count]


def _of_clip(clip: Clip, tag: VisualTag, tagger: VisualTagger) -> Evidence:
    return Evidence(
        kind="tag", text=tag.word, start_ms=clip.start_ms, end_ms=clip.end_ms, source=f"{TAGGER}{tagger.name}",
        confidence=round(tag.confidence, 3),
    )


def _joined(before: Evidence, after: Evidence) -> Evidence:
    return replace(after, start_ms=before.start_ms, confidence=max(before.confidence or 0.0, after.confidence or 0.0))


def _word_vectors(encoder: TextEncoder, words: Sequence[str]) -> NDArray[np.float32]:
    """float32 [N, D], unit length: the mean of a word in each prompt."""
    parts = [words[start : start + _WORDS_AT_ONCE] for start in range(0, len(words), _WORDS_AT_ONCE)]
    vectors = np.concatenate([
        sum(encoder.encode_texts([prompt.format(word) for word in part]).pooled for prompt in _PROMPTS) for part in parts
    ])  # fmt: skip
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
