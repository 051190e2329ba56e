"""Whisper by transformers: nothing to install beside the core, any checkpoint of the hub's usual layout, true batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version as package_version
from typing import Any

from data_pipeline.sound.speech import SAMPLE_RATE, AudioSpan, Transcript, compression_ratio, heard_in_pieces
from data_pipeline.sound.whisper_segments import Part, raw_segments
from retrieval.encoders.fingerprint import files_revision
from retrieval.encoders.hub import find_model_files
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import ModelError

_FILES = ("config.json", "preprocessor_config.json", "generation_config.json")
_WANTED = ("*.json", "*.txt", "model*.safetensors")
_PIECES_AT_ONCE = 4         # each costs 30 s of features and a decoder's cache


class TransformersWhisper:
    """model: a folder, or owner/model on the hub. language: None = found for every piece.

    `threads` is left to torch. Raises ModelError when the model is missing or is no Whisper model.
    """

    name = "transformers"
    gives_times = True

    def __init__(self, model: str, *, threads: int = 1, language: str | None = "zh") -> None:
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        self.version = package_version("transformers")
        folder = find_model_files(model, required=_FILES, wanted=_WANTED)
        try:
            with quiet_transformers():
                self._processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
                self._model = WhisperForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
            settings = self._model.generation_config
            self._first_timestamp = int(settings.no_timestamps_token_id) + 1
            self._multilingual = bool(settings.is_multilingual)
            self._languages = {token: code.strip("<|>") for code, token in (settings.lang_to_id or {}).items()}
        except Exception as error:      # transformers', safetensors' or the file system's
            raise ModelError(
                f"The Whisper model in {folder} cannot be loaded ({type(error).__name__}: {error})."
            ) from error
        self.model_digest = files_revision(path for path in folder.iterdir() if path.is_file())
        self._language = language

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        return heard_in_pieces(batch, self._heard, at_once=_PIECES_AT_ONCE)

    def _heard(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        import torch

        try:
            with torch.inference_mode(), quiet_transformers():
                given = self._processor(
                    [piece.samples for piece in batch], sampling_rate=SAMPLE_RATE, return_tensors="pt",
                    return_attention_mask=True,
                )
                silences = self._no_speech(given.input_features)
                answer = self._model.generate(
                    given.input_features, attention_mask=given.attention_mask, do_sample=False, num_beams=1,
                    return_timestamps=True, return_dict_in_generate=True, output_scores=True, **self._spoken(),
                )
        except Exception as error:
            raise ModelError(f"The speech engine {self.name} {self.version} failed: {error}") from error
        return [
            self._transcript(piece, parts, no_speech)
            for piece, parts, no_speech in zip(batch, answer["segments"], silences, strict=True)
        ]

    def _spoken(self) -> dict[str, Any]:
        return {"language": self._language, "task": "transcribe"} if self._multilingual else {}

    def _no_speech(self, features: Any) -> list[float | None]:
        """Probability of the token for no speech where the first word could stand; None for a model without that token."""
        import torch

        unknown = self._processor.tokenizer.unk_token_id
        names = ("<|nospeech|>", "<|nocaptions|>")
        ids = [self._processor.tokenizer.convert_tokens_to_ids(name) for name in names]
        token = next((i for i in ids if i is not None and i != unknown), None)
        if token is None:
            return [None] * len(features)
        begin = torch.full((len(features), 1), int(self._model.config.decoder_start_token_id))
        logits = self._model(features, decoder_input_ids=begin).logits[:, 0]
        return [float(p) for p in logits.float().softmax(dim=-1)[:, token]]

    def _transcript(self, piece: AudioSpan, parts: Sequence[dict[str, Any]], no_speech: float | None) -> Transcript:
        tokenizer = self._processor.tokenizer
        read: list[Part] = []
        language = self._language
        for part in parts:
            words = [token for token in part["tokens"].tolist() if token < self._first_timestamp]
            text = tokenizer.decode(words, skip_special_tokens=True)
            logprob, language = self._certainty(part["result"]), self._spoken_in(part["result"]) or language
            read.append((float(part["start"]), float(part["end"]), text, logprob, no_speech, compression_ratio(text)))
        return Transcript(segments=raw_segments(piece, read), language=language)

    def _certainty(self, result: dict[str, Any]) -> float:
        """Mean log probability of what one pass generated, its end included, as Whisper counts it."""
        import torch

        scores = torch.stack(list(result["scores"])).float().log_softmax(dim=-1)
        tokens = result["sequences"][-len(scores) :].tolist()
        end = self._model.generation_config.eos_token_id
        length = tokens.index(end) if end in tokens else len(tokens)
        counted = range(min(length + 1, len(tokens)))
        return math.fsum(float(scores[step, tokens[step]]) for step in counted) / (length + 1)

    def _spoken_in(self, result: dict[str, Any]) -> str | None:
        prompt = result["sequences"][:2].tolist()
        return next((self._languages[token] for token in prompt if token in self._languages), None)
