"""A small text tower taught by the shipped model of the miniature world, from captions alone.

    python -m benchmarks.distilled_text [--directory DIR] [--captions 6000] [--clips 500] [--set a.b=VALUE ...]

Trains by the recipe distill_text on captions of the world (nothing is drawn but the clips that it is measured by), then asks
for unseen clips with Chinese descriptions of full detail by both text towers, and prints R@1 of both, the difference with
a paired interval, the parameters of the text side, and the time of a query as a ratio, measured in turns. Ends with 1
when the small tower loses more than a point of R@1 to its teacher, in either detail of descriptions, or when its model has
clip vectors of its own: then it does not go with its teacher's library, by which it is measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_pipeline.corpus.samples import PictureFormat, Sample
from data_pipeline.corpus.shards import write_shards
from data_pipeline.miniature.training_set import WorldSample
from data_pipeline.miniature.world import generate, queries
from retrieval.encoders import load_encoder
from retrieval.encoders.loading import read_generation
from retrieval.evaluation import retrieval_metrics
from retrieval.evaluation.comparison import paired_test
from retrieval.model import load_dual_encoder
from serving.demo.unseen import MODEL, SEED
from training.recipe_file import read_recipe
from training.trainer import train

_SIDE, _FRAMES = 96, 8
_TIMED = 200        # queries, one by one
_MOST_LOST = 1.0    # points of R@1


@dataclass(frozen=True, kw_only=True)
class Captions:
    """The texts of a clip that is not drawn: a grey picture stands where nothing is looked at."""

    world: WorldSample

    @property
    def id(self) -> str:
        return self.world.id

    def fingerprint(self) -> str:
        return f"texts of {self.world.fingerprint()}"

    def sample(self, *, height: int, width: int) -> Sample:
        return Sample(
            id=self.id, video=self.id, start_ms=0, end_ms=self.world.clip.spec.duration_ms, times_ms=(0,),
            frames=np.full((1, 8, 8, 3), 128, np.uint8), texts=tuple(self.world.captions()), split="train", decoder="none",
        )  # fmt: skip


def trained(directory: Path, *, captions: int, overrides: list[str]) -> Path:
    """The taught model's folder."""
    form = PictureFormat(height=_SIDE, width=_SIDE)
    texts = [Captions(world=WorldSample(clip=clip)) for clip in generate(captions, seed=0, split="train")]
    write_shards(texts, directory / "texts", form=form)
    shown = [WorldSample(clip=clip, frames=4) for clip in generate(200, seed=0, split="validation")]
    write_shards(shown, directory / "shown", form=form)
    own = [f"data.train.shards={directory / 'texts'}", f"data.validation.shards={directory / 'shown'}"]
    own += [f"{name}={MODEL}" for name in ("model.start", "teacher.model")]
    recipe = read_recipe(Path("distill_text"), overrides=[*own, *overrides])
    report = train(recipe, directory / "run", on_step=_progress)
    if not report.finished:
        raise SystemExit(f"Stopped after step {report.steps}; the same call goes on.")
    print(f"{report.steps} steps in {report.progress.seconds:.0f} s, best at {report.progress.best_step}")
    return directory / "run" / "model"


def _progress(done: object) -> None:
    step, terms = done.step, done.terms     # type: ignore[attr-defined]
    if step % 500 == 0:
        print(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in terms.items()), flush=True)


def keeps_clip_vectors(taught: Path) -> bool:
    """Whether the taught model answers for its teacher's library, in print too."""
    same = read_generation(str(taught)).same_vectors(read_generation(str(MODEL)))
    print(f"clip vectors of the teacher's library: {'the same' if same else 'OTHERS'}")
    return same


def compare(taught: Path, *, clips: int) -> float:
    """Print what the small tower loses and saves; how many points of R@1 it loses where it loses most, below 0 = it gains."""
    teacher, pupil = load_encoder(str(MODEL), device="cpu"), load_encoder(str(taught), device="cpu")
    scenes = list(generate(clips, seed=SEED, split="test"))
    pictures = np.stack([
        WorldSample(clip=clip, frames=_FRAMES).sample(height=_SIDE, width=_SIDE).frames for clip in scenes
    ])  # fmt: skip
    small = np.stack([[squeezed(frame) for frame in frames] for frames in pictures])
    vectors = teacher.encode_clips(small, frame_mask=np.ones(small.shape[:2], np.bool_)).pooled
    lost = []
    for detail in ("full", "short"):
        asked = queries([clip.spec for clip in scenes], seed=SEED, detail=detail)
        texts, relevant = [query.text for query in asked], [set(query.relevant) for query in asked]
        found = [retrieval_metrics(e.encode_texts(texts).pooled @ vectors.T, relevant) for e in (teacher, pupil)]
        test = paired_test(*(100 * one.ranks.hit_probability(1) for one in found))
        lost.append(-test.difference)
        print(
            f"{detail}: R@1 {test.a:.1f} teacher, {test.b:.1f} small, difference {test.difference:+.2f} "
            f"[{test.low:+.2f}, {test.high:+.2f}] over {test.queries} queries, p {test.p_value:.3f}"
        )
    counts = [_text_parameters(folder) for folder in (MODEL, taught)]
    print(f"text side: {counts[0]:,} parameters, {counts[1]:,} small ({counts[0] / counts[1]:.1f} times fewer)")
    seconds = [0.0, 0.0]
    for text in (texts * 2)[:_TIMED]:
        for number, encoder in enumerate((teacher, pupil)):
            began = time.process_time()
            encoder.encode_texts([text])
            seconds[number] += time.process_time() - began
    print(f"CPU time of a query: {seconds[1] / seconds[0]:.2f} of the teacher's ({1000 * seconds[0] / _TIMED:.1f} ms)")
    return max(lost)


def squeezed(frame: np.ndarray) -> np.ndarray:
    """A frame as the shipped model takes it."""
    from PIL import Image

    return np.asarray(Image.fromarray(frame).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))


def _text_parameters(folder: Path) -> int:
    names = load_dual_encoder(folder).towers.named_parameters()
    return sum(weight.numel() for name, weight in names if name.startswith(("text_model.", "text_projection.")))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=Path("distilled-text"))
    parser.add_argument("--captions", type=int, default=6000, help="clips whose captions are learned from")
    parser.add_argument("--clips", type=int, default=500, help="unseen clips that are asked for")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="a.b=VALUE")
    options = parser.parse_args()
    taught = trained(options.directory, captions=options.captions, overrides=options.settings)
    same = keeps_clip_vectors(taught)
    return verdict(compare(taught, clips=options.clips), same_clip_vectors=same)


def verdict(lost: float, *, same_clip_vectors: bool) -> int:
    """The exit code, with a sentence for each thing that is wrong."""
    wrong = []
    if lost > _MOST_LOST:
        wrong.append(f"The small text tower loses {lost:.1f} points of R@1 to its teacher, more than {_MOST_LOST:g}.")
    if not same_clip_vectors:
        wrong.append("The taught model has other clip vectors than its teacher: it does not go with the teacher's library.")
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
