"""`wenshi corpus words`: real shards in, a table or JSON out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_pipeline.corpus.shard_reader import ShardDataset
from retrieval.errors import WenshiError
from retrieval.model.word_table import mine_words
from serving.cli.main import app
from tests.training.training_world import damage, write_world


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"), train=32, validation=8)


def words(*arguments: object):
    return CliRunner().invoke(app, ["corpus", "words", *map(str, arguments)], catch_exceptions=False)


def texts_of(shards: Path, split: str | None) -> list[str]:
    samples = ShardDataset(shards, split=split)
    return [text["text"] for number in range(len(samples)) for text in samples[number].texts]


def test_json_holds_every_word_as_a_training_mines_it(shards):
    answer = json.loads(words(shards, "--json").stdout)
    table = mine_words(texts_of(shards, "train"))
    assert (answer["samples"], answer["texts"], answer["unreadable"]) == (32, 96, [])
    assert [row["word"] for row in answer["words"]] == list(table.words)
    for row in answer["words"]:
        found = table.words[row["word"]]
        assert row == {
            "word": row["word"], "count": found.count, "document_frequency": found.document_frequency,
            "rank": found.rank, "parts": dict(found.parts),
        }  # fmt: skip


def test_a_table_names_words_counts_and_parts_of_speech(shards):
    table = mine_words(texts_of(shards, "train"))
    lines = words(shards, "-k", 2).stdout.splitlines()
    first, found = next(iter(table.words.items()))
    assert lines[0] == f"{len(table.words)} significant words in 96 texts"
    assert lines[2].split()[:5] == [
        "1", str(found.count), str(found.document_frequency), f"{found.document_frequency / 96:.1%}", first
    ]  # fmt: skip
    assert next(iter(found.parts)) in lines[2]
    assert lines[-1].startswith(f"... and {len(table.words) - 2} more")
    assert len(lines) == 5


def test_splits_and_the_number_of_words_can_be_chosen(shards):
    everything = json.loads(words(shards, "--all", "--json").stdout)
    assert everything["texts"] == len(texts_of(shards, None)) == 120
    validation = json.loads(words(shards, "--split", "validation", "--top", 0, "--json").stdout)
    assert validation["texts"] == 24
    assert {row["rank"] for row in validation["words"]} == {0}


def test_what_cannot_be_read_is_counted_and_named(tmp_path):
    shards = write_world(tmp_path / "world", train=8, validation=4)
    key = damage(shards, 3)
    assert json.loads(words(shards, "--json").stdout)["unreadable"] == []      # broken pictures have whole texts
    tar = next(shards.glob("*.tar"))
    content = tar.read_bytes().replace(f'"{key}"'.encode(), b'"' + b"x" * len(key) + b'"', 1)
    tar.write_bytes(content)
    done = words(shards, "--json")
    answer = json.loads(done.stdout)
    assert [one["sample"] for one in answer["unreadable"]] == [key]
    assert answer["texts"] == 21
    assert f"1 of 8 samples could not be read, for one: The sample {key}" in words(shards).stderr


@pytest.mark.parametrize(
    ("arguments", "message"), [(("nowhere",), "holds no shards"), (("SHARDS", "--split", "x"), "no samples")]
)
def test_bad_input_is_one_sentence(shards, arguments, message):
    with pytest.raises(WenshiError, match=message):
        words(*(shards if one == "SHARDS" else one for one in arguments))
