"""Small real speech models that say one sentence whatever they hear, as a model does that invents: no weights are fetched.

A Whisper of them has layers without effect, unit vectors for tokens, and for each position the vector of the token that
comes next: real classes, real decoding rules, a known text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.onnx_files import Node, write_onnx

END, START, FIRST_LANGUAGE, TRANSCRIBE, NO_SPEECH, NO_TIMESTAMPS = 50257, 50258, 50259, 50359, 50362, 50363
FIRST_TIMESTAMP, TOKENS = 50364, 51865
WIDTH, POSITIONS, SOUND_POSITIONS, BANDS = 32, 448, 1500, 80
_SHARPNESS = 40.0       # of the logits: the token that is meant gets nearly all
_AFTER_LANGUAGES = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")

SENTENCE = "一只狗在草地上追球"
SENTENCE_ENDS_MS = 1_400


def build_transformers_whisper(
    directory: Path, *, text: str = SENTENCE, ends_ms: int = SENTENCE_ENDS_MS, sharpness: float = _SHARPNESS
) -> Path:
    """Whisper in the layout of transformers that says `text` from 0 to `ends_ms` of whatever it is given."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    from retrieval.encoders.quiet import quiet_transformers

    directory.mkdir(parents=True, exist_ok=True)
    languages = _save_tokenizer(directory)
    config = WhisperConfig(
        vocab_size=TOKENS, d_model=WIDTH, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=WIDTH, decoder_ffn_dim=WIDTH, num_mel_bins=BANDS,
        max_source_positions=SOUND_POSITIONS, max_target_positions=POSITIONS, decoder_start_token_id=START,
        bos_token_id=END, eos_token_id=END, pad_token_id=END, suppress_tokens=[], begin_suppress_tokens=[],
    )
    model = WhisperForConditionalGeneration(config).eval()
    tokens, positions = _script([*text.encode()], ends_ms)
    with torch.no_grad():
        decoder = model.model.decoder
        decoder.embed_tokens.weight.copy_(torch.from_numpy(tokens))
        decoder.embed_positions.weight.copy_(torch.from_numpy(positions))
        for layer in decoder.layers:
            for part in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
                part.weight.zero_()
                part.bias.zero_()
        decoder.layer_norm.weight.fill_(sharpness / WIDTH**0.5)
        decoder.layer_norm.bias.zero_()
    model.generation_config = GenerationConfig(
        is_multilingual=True, no_timestamps_token_id=NO_TIMESTAMPS, max_initial_timestamp_index=50, max_length=POSITIONS,
        lang_to_id={f"<|{code}|>": FIRST_LANGUAGE + i for i, code in enumerate(languages)},
        task_to_id={"translate": TRANSCRIBE - 1, "transcribe": TRANSCRIBE}, suppress_tokens=[], begin_suppress_tokens=[],
        decoder_start_token_id=START, bos_token_id=END, eos_token_id=END, pad_token_id=END,
    )
    with quiet_transformers():
        model.save_pretrained(directory)
    WhisperFeatureExtractor(feature_size=BANDS).save_pretrained(directory)
    return directory


def build_ctranslate2_whisper(directory: Path, source: Path) -> Path:
    """The Whisper in `source` (of transformers), converted as faster-whisper wants it."""
    from ctranslate2.converters import TransformersConverter

    converter = TransformersConverter(str(source), copy_files=["tokenizer.json", "preprocessor_config.json"])
    converter.convert(str(directory))
    return directory


def build_openai_whisper(path: Path, *, text: str = SENTENCE, ends_ms: int = SENTENCE_ENDS_MS) -> Path:
    """A .pt file of OpenAI's layout that says `text`. Needs the package openai-whisper."""
    import torch
    from whisper.model import ModelDimensions, Whisper
    from whisper.tokenizer import get_tokenizer

    dims = ModelDimensions(BANDS, SOUND_POSITIONS, WIDTH, 2, 1, TOKENS, POSITIONS, WIDTH, 2, 1)
    model = Whisper(dims)
    tokens, positions = _script(get_tokenizer(True).encode(text), ends_ms)
    with torch.no_grad():
        decoder = model.decoder
        decoder.token_embedding.weight.copy_(torch.from_numpy(tokens))
        decoder.positional_embedding.copy_(torch.from_numpy(positions))
        for block in decoder.blocks:
            for part in (block.attn.out, block.cross_attn.out, block.mlp[-1]):
                part.weight.zero_()
                part.bias.zero_()
        decoder.ln.weight.fill_(_SHARPNESS / WIDTH**0.5)
        decoder.ln.bias.zero_()
    torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, path)
    return path


def build_sense_voice(directory: Path, *, text: str = SENTENCE, event: str = "Speech") -> Path:
    """A SenseVoice of one matrix, with the inputs, outputs and description of a real one; it says `text` in any sound of 2 s."""
    directory.mkdir(parents=True, exist_ok=True)
    said = ["<|zh|>", "<|NEUTRAL|>", f"<|{event}|>", "<|woitn|>", *text]
    names = ["<unk>", *dict.fromkeys(said), "<blank>"]      # the blank has the number that the description says
    (directory / "tokens.txt").write_text("".join(f"{name} {i}\n" for i, name in enumerate(names)), encoding="utf-8")
    frames = 4096                                            # more than any sound has; cut to its length
    logits = np.zeros((1, frames, len(names)), np.float32)
    logits[0, :, names.index("<blank>")] = 1.0
    for at, token in enumerate(said):
        logits[0, at * 2 if at >= 4 else at, names.index(token)] = 2.0
    # Every frame of the sound adds nothing, so that the length comes from the sound and the words from the table.
    nodes = [
        Node("ReduceSum", ["x", "last_axis"], "sums", {"keepdims": 1}),
        Node("Mul", ["sums", "nothing"], "zeros"),
        Node("Pad", ["zeros", "four_before"], "longer"),
        Node("Shape", ["longer"], "shape"),
        Node("Slice", ["shape", "one", "two"], "length"),
        Node("Slice", ["table", "zero", "length", "one"], "words"),
        Node("Add", ["longer", "words"], "logits"),
    ]
    constants = {
        "last_axis": np.array([2], np.int64), "nothing": np.array(0, np.float32), "table": logits,
        "four_before": np.array([0, 4, 0, 0, 0, 0], np.int64),
        "zero": np.array([0], np.int64), "one": np.array([1], np.int64), "two": np.array([2], np.int64),
    }
    description = {
        "model_type": "sense_voice_ctc", "vocab_size": len(names), "blank_id": names.index("<blank>"),
        "lfr_window_size": 7, "lfr_window_shift": 6, "normalize_samples": 0, "with_itn": 14, "without_itn": 15,
        "lang_auto": 0, "lang_zh": 3, "lang_en": 4, "lang_yue": 7, "lang_ja": 11, "lang_ko": 12,
        "neg_mean": ",".join(["0"] * 560), "inv_stddev": ",".join(["1"] * 560),
    }
    write_onnx(
        directory / "model.onnx", nodes, constants,
        inputs={"x": ("float", ["N", "T", 560]), **{name: ("int32", ["N"]) for name in ("x_length", "language", "text_norm")}},
        outputs={"logits": ("float", ["N", "U", len(names)])}, description=description,
    )
    return directory


def build_tagger(directory: Path, probabilities: dict[str, float]) -> Path:
    """An audio tagger in the layout of CED that gives the same answer to any sound; of its 527 classes here are those named."""
    directory.mkdir(parents=True, exist_ok=True)
    names = [*probabilities, "Other"]
    rows = ["index,mid,display_name", *(f'{i},/m/{i},"{name}"' for i, name in enumerate(names))]
    (directory / "class_labels_indices.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    answer = np.array([[*probabilities.values(), 0.0]], np.float32)
    nodes = [
        Node("ReduceSum", ["x", "sound_axes"], "sums", {"keepdims": 0}),
        Node("Mul", ["sums", "nothing"], "zeros"),
        Node("Unsqueeze", ["zeros", "last_axis"], "column"),
        Node("Add", ["column", "answer"], "probabilities"),
    ]
    constants = {
        "sound_axes": np.array([1, 2], np.int64), "nothing": np.array(0, np.float32), "last_axis": np.array([1], np.int64),
        "answer": answer,
    }
    write_onnx(
        directory / "model.onnx", nodes, constants, inputs={"x": ("float", ["N", 64, "T"])},
        outputs={"probabilities": ("float", ["N", len(names)])}, description={"model_type": "ced"},
    )
    return directory


def _script(words: list[int], ends_ms: int) -> tuple[Any, Any]:
    """Vectors of the tokens [TOKENS, WIDTH] and of the positions [POSITIONS, WIDTH], which lead through the words and end."""
    random = np.random.default_rng(0)
    tokens = random.normal(size=(TOKENS, WIDTH)).astype(np.float32)
    tokens -= tokens.mean(axis=1, keepdims=True)
    tokens /= np.linalg.norm(tokens, axis=1, keepdims=True)
    said = [FIRST_LANGUAGE + 1, TRANSCRIBE, FIRST_TIMESTAMP, *words, FIRST_TIMESTAMP + ends_ms // 20, END]
    at = [*said, *[END] * (POSITIONS - len(said))]
    return tokens, 100.0 * tokens[at]       # far above the vector of the token that is read


def _save_tokenizer(directory: Path) -> list[str]:
    """Bytes for tokens, numbers as in OpenAI's multilingual vocabulary; gives the codes of the languages."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import WhisperTokenizerFast
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    languages = [code for code in LANGUAGES if code != "yue"]      # which came with the third version
    letters = _letters_of_bytes()
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    vocabulary |= {f"unused{i}": i for i in range(len(letters), END - 1)}
    vocabulary[""] = END - 1        # by which CTranslate2 knows the multilingual vocabulary
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [f"<|{name}|>" for name in ("endoftext", "startoftranscript", *languages, *_AFTER_LANGUAGES)]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    tokenizer.add_tokens([AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False) for i in range(TOKENS - FIRST_TIMESTAMP)])
    assert tokenizer.token_to_id("<|notimestamps|>") == NO_TIMESTAMPS
    tokenizer.save(str(directory / "tokenizer.json"))
    WhisperTokenizerFast(tokenizer_file=str(directory / "tokenizer.json")).save_pretrained(directory)
    return languages


def _letters_of_bytes() -> list[str]:
    """The printable letter that byte-level tokenizers write for each byte 0..255."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
