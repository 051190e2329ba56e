"""Sentence models for tests: one that knows a few concepts, and a real small one in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.encoders import SentenceVectors
from retrieval.errors import InputError
from retrieval.records import Generation

CONCEPTS = (("小狗", "犬", "puppy"), ("汽车", "轿车", "car"), ("做饭", "烹饪", "cooking"), ("下雨", "rain"))


class ConceptModel:
    """Each concept is an axis, whichever of its words a sentence holds; the last axis is for everything else."""

    def __init__(self, revision: str = "1") -> None:
        dimension = len(CONCEPTS) + 1
        self.generation = Generation(
            encoder="concepts", revision=revision, preprocessing="simplified", dimension=dimension
        )
        self.read: list[str] = []

    def encode(self, sentences: Sequence[str]) -> SentenceVectors:
        if any(not sentence.strip() for sentence in sentences):
            raise InputError("An empty sentence has no vector: leave it out.")
        self.read += sentences
        vectors = np.zeros((len(sentences), self.generation.dimension), np.float32)
        for row, sentence in zip(vectors, sentences, strict=True):
            row[:-1] = [any(word in sentence for word in words) for words in CONCEPTS]
            row[-1] = 0.0 if row.any() else 1.0
            row /= np.linalg.norm(row)
        return SentenceVectors(vectors=vectors, unread=[0] * len(sentences))


def save_sentence_model(directory: Path, sentences: Sequence[str], *, seed: int = 0) -> Path:
    """A small BERT with a mean of its tokens on top that reads all letters of these sentences, saved by its own library."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizer

    bert = directory.with_name(directory.name + "-bert")
    bert.mkdir(parents=True)
    letters = sorted({letter for sentence in sentences for letter in sentence if letter.strip()})
    pieces = [*letters, *(f"##{letter}" for letter in letters if letter.isascii())]
    (bert / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]), "utf-8")
    tokenizer = BertTokenizer(str(bert / "vocab.txt"))
    assert tokenizer.unk_token_id not in tokenizer(sentences[0])["input_ids"]
    torch.manual_seed(seed)
    BertModel(
        BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                   intermediate_size=64, max_position_embeddings=40)
    ).save_pretrained(bert)  # fmt: skip
    tokenizer.save_pretrained(bert)
    word = modules.Transformer(str(bert), max_seq_length=32)
    SentenceTransformer(modules=[word, modules.Pooling(32, pooling_mode="mean")], device="cpu").save(str(directory))
    return directory
