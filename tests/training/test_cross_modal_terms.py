"""The losses on texts and clips that are read together, each against pairs read one by one, and what is drawn for them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from retrieval.errors import InputError, ModelError
from retrieval.model import load_dual_encoder
from tests.training.cross_modal_world import MASK, VOCABULARY, batch_to_read, network_for, objective_for
from tests.training.training_world import small_recipe, write_world
from training.cross_modal import shared_tower
from training.cross_modal.drawing import asks_hard_clips, compared_clips, masked_texts, stage_length
from training.cross_modal.rows import rows_of
from training.gradients import encode
from training.objectives import UNLABELLED, compared_matrix
from training.objectives.drawing import generator_of
from training.processes import Processes
from training.recipe import Curriculum, MaskedLanguage, Matching, Objective, TextVideo
from training.setup import prepare, write_new_model

COUNT = 6


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("terms") / "shards", train=4, validation=2)


@pytest.fixture(scope="module")
def model(shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("terms") / "model"
    write_new_model(small_recipe(shards), folder)
    return load_dual_encoder(folder)


@pytest.fixture(scope="module")
def network(model):
    return network_for(model).eval()


@pytest.fixture(scope="module")
def batch():
    return batch_to_read(COUNT)


@pytest.fixture(scope="module")
def features(model, batch):
    with torch.no_grad():
        return encode(model, batch, bf16=False)


def terms_of(model, network, batch, features, *, step=0, steps=70, **settings):
    objective = objective_for(network, Objective(**settings), steps=steps)
    return objective(shared_tower(model), batch.texts, features, step=step, text_ids=batch.text_ids)


def rows(batch, features):
    return rows_of(batch.texts, features, text_ids=batch.text_ids, gather=None, first=0)


def read_pair(model, network, batch, features, text, clip, *, ids=None):
    """One text with one clip, without the padding of the batch."""
    own, shown = batch.texts.attended[text].bool(), features[1].mask[clip]
    ids = batch.texts.ids[text] if ids is None else ids
    return network.read(
        shared_tower(model), ids[own][None], attended=own[own][None].long(), frames=features[1].frames[clip][shown][None],
        frame_mask=shown[shown][None],
    )  # fmt: skip


def score(model, network, batch, features, text, clip) -> float:
    return network.matching(read_pair(model, network, batch, features, text, clip).pooled).item()


def lse(values) -> float:
    return math.log(sum(math.exp(value) for value in values))


@pytest.mark.parametrize("masking", ["uniform", "significant"])
def test_the_masked_language_term_is_the_mean_over_hidden_tokens_of_what_their_guess_costs(
    masking, model, network, batch, features
):
    settings = MaskedLanguage(weight=1.0, masking=masking, share=0.4)
    found = terms_of(model, network, batch, features, masked_language=settings, step=3)["masked_language"]
    masked = masked_texts(
        rows(batch, features), settings, VOCABULARY, generator=generator_of("masked language", seed=6, step=3)
    )
    words, costs = shared_tower(model).embeddings.word_embeddings.weight, []
    for i in range(COUNT):
        states = read_pair(model, network, batch, features, i, i, ids=masked.ids[i]).tokens[0]
        for place, label in enumerate(masked.labels[i].tolist()):
            if label != UNLABELLED:
                logits = network.masked_language(states[place : place + 1], words)[0].tolist()
                costs.append(lse(logits) - logits[label])
    assert len(costs) > 3
    assert found.item() == pytest.approx(sum(costs) / len(costs), rel=1e-4)


def test_mssm_hides_significant_words_and_mlm_any(batch, features):
    several = rows(batch, features)
    for step in range(40):
        generator = generator_of("x", seed=0, step=step)
        hidden = masked_texts(several, MaskedLanguage(masking="significant"), VOCABULARY, generator=generator).labels >= 0
        assert not (hidden & ~several.significance.significant).any()
    anything = [
        masked_texts(several, MaskedLanguage(share=0.5), VOCABULARY, generator=generator_of("x", seed=0, step=s)).labels >= 0
        for s in range(40)
    ]
    assert (torch.stack(anything).any(dim=0) == several.words).all()


def test_hidden_tokens_leave_no_trace_in_what_is_read(model, network, batch, features, monkeypatch):
    """Neither the ids, nor the vectors of the text that the towers made of its full words."""
    seen, read = [], network.read

    def spy(tower, ids, **rest):
        seen.append(ids)
        return read(tower, ids, **rest)

    monkeypatch.setattr(network, "read", spy)
    settings = MaskedLanguage(weight=1.0, share=0.5)
    generator = generator_of("masked language", seed=6, step=1)
    masked = masked_texts(rows(batch, features), settings, VOCABULARY, generator=generator)
    covered = (masked.labels != UNLABELLED) & (masked.ids == MASK)
    assert covered.sum() > 3
    assert torch.equal(masked.ids[masked.labels == UNLABELLED], batch.texts.ids[masked.labels == UNLABELLED])
    others = replace(batch, texts=replace(batch.texts, ids=torch.where(covered, batch.texts.ids + 1, batch.texts.ids)))
    blind = (replace(features[0], pooled=features[0].pooled.flip(0), words=-features[0].words), features[1])
    for told, known in ((batch, features), (others, features), (batch, blind)):
        terms_of(model, network, told, known, masked_language=settings, step=1)
    assert len(seen) == 3
    assert torch.equal(seen[0], masked.ids)
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])


def published_matching(z, weights) -> float:
    """(1 / b) sum over i of w_i [lse({z_ki} over k and {z_ik} over k != i) - z_ii], all pairs being compared."""
    count = len(z)
    return sum(
        weights[i] * (lse([z[k][i] for k in range(count)] + [z[i][k] for k in range(count) if k != i]) - z[i][i])
        for i in range(count)
    ) / count  # fmt: skip


@pytest.mark.parametrize("floor", [None, 0.2])
@pytest.mark.parametrize("mining", ["none", "nearest", "top_k"])
def test_with_all_clips_compared_the_matching_term_is_the_published_one(mining, floor, model, network, batch, features):
    batch = replace(batch, text_ids=torch.arange(COUNT))
    settings = Matching(weight=1.0, negatives=50, mining=mining, easy_floor=floor)
    found = terms_of(model, network, batch, features, matching=settings)["matching"]
    z = [[score(model, network, batch, features, i, j) for j in range(COUNT)] for i in range(COUNT)]
    own = (features[0].pooled * features[1].pooled).sum(1).tolist()
    mean, least = sum(own) / COUNT, min(own)
    easy = [1.0 if s <= mean else max((mean - least) / (s - least), 0.2) for s in own]
    wanted = published_matching(z, easy if floor else [1.0] * COUNT)
    assert found.item() == pytest.approx(wanted, rel=1e-4)


def test_of_some_clips_a_text_the_pairs_that_were_compared_stand_in_rows_and_columns(model, network, batch, features):
    settings = Matching(weight=1.0, negatives=2, mining="nearest")
    found = terms_of(model, network, batch, features, matching=settings)["matching"]
    similarity, total = (features[0].pooled @ features[1].pooled.T).tolist(), 0.0
    same = [[batch.text_ids[i] == batch.text_ids[j] for j in range(COUNT)] for i in range(COUNT)]
    chosen = [
        sorted(
            (j for j in range(COUNT) if not same[i][j]), key=lambda j, i=i: abs(similarity[i][j] - similarity[i][i])
        )[:2]
        for i in range(COUNT)
    ]  # fmt: skip
    for i in range(COUNT):
        own = score(model, network, batch, features, i, i)
        against = [score(model, network, batch, features, i, j) for j in chosen[i]]
        against += [score(model, network, batch, features, k, i) for k in range(COUNT) if i in chosen[k]]
        total += lse([own, *against]) - own
    assert found.item() == pytest.approx(total / COUNT, rel=1e-4)


def test_a_clip_with_the_very_same_text_is_no_wrong_one_even_where_there_is_no_other(model, network, features, batch):
    batch = replace(batch, text_ids=torch.zeros(COUNT, dtype=torch.long))
    settings = {"matching": Matching(weight=1.0, negatives=3), "text_video": TextVideo(weight=1.0)}
    terms = terms_of(model, network, batch, features, **settings)
    assert terms["matching"].item() == pytest.approx(0, abs=1e-6)
    right = [read_pair(model, network, batch, features, i, i).pooled for i in range(COUNT)]
    wanted = -network.text_video(torch.cat(right)).log_softmax(dim=1)[:, 1].mean()
    torch.testing.assert_close(terms["text_video"], wanted, atol=1e-5, rtol=1e-4)
    counted = terms_of(model, network, batch, features, identical_texts="negative", **settings)
    assert counted["matching"].item() > 0.1


def test_easy_clips_are_any_of_the_others_and_hard_ones_are_asked_when_it_is_time(batch, features):
    several, settings = rows(batch, features), Matching(negatives=2, mining="top_k")
    counts = torch.zeros(COUNT, COUNT)
    for step in range(1500):
        clips = compared_clips(several, settings, hard=False, generator=generator_of("m", seed=0, step=step))
        counts.scatter_add_(1, clips, torch.ones_like(clips, dtype=torch.float))
    other = (several.text_ids[:, None] != several.text_ids[None]).float()
    torch.testing.assert_close(counts / 1500, 2 * other / other.sum(dim=1, keepdim=True), atol=0.06, rtol=0)
    hard = compared_clips(several, settings, hard=True, generator=generator_of("m", seed=0, step=0))
    assert torch.equal(hard, several.similarity.masked_fill(other == 0, -9.0).topk(2, dim=1).indices)


def test_a_curriculum_has_seven_stages_unless_it_says_how_long_one_is():
    assert [stage_length(Curriculum(), steps) for steps in (3, 70, 5200)] == [1, 10, 742]
    assert stage_length(Curriculum(every=9), 5200) == 9
    staged = Matching(mining="nearest", curriculum=Curriculum(every=300, rate=0.25))
    hard = [asks_hard_clips(staged, seed=2, step=step, steps=10) for step in range(1500)]
    shares = [sum(hard[start : start + 300]) / 300 for start in range(0, 1500, 300)]
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.08)
    assert all(asks_hard_clips(Matching(mining="nearest"), seed=2, step=step, steps=10) for step in range(9))
    assert not any(asks_hard_clips(Matching(), seed=2, step=step, steps=10) for step in range(9))


def test_the_text_video_term_asks_each_clip_with_its_text_and_with_another(model, network, batch, features):
    found = terms_of(model, network, batch, features, text_video=TextVideo(weight=1.0), step=4)["text_video"]

    def cost(text, clip, answer):
        logits = network.text_video(read_pair(model, network, batch, features, text, clip).pooled)[0].tolist()
        return lse(logits) - logits[answer]

    right = [cost(i, i, 1) for i in range(COUNT)]
    wrong = [[cost(text, i, 0) for text in range(COUNT) if batch.text_ids[text] != batch.text_ids[i]] for i in range(COUNT)]
    least, most = (sum(map(pick, wrong)) for pick in (min, max))
    assert (sum(right) + least) / 12 - 1e-5 <= found.item() <= (sum(right) + most) / 12 + 1e-5
    again = [
        terms_of(model, network, batch, features, text_video=TextVideo(weight=1.0), step=step)["text_video"].item()
        for step in range(400)
    ]
    wanted = (sum(right) + sum(sum(costs) / len(costs) for costs in wrong)) / 12
    assert sum(again) / 400 == pytest.approx(wanted, abs=0.005)


def test_terms_are_weighed_and_those_of_pairs_are_the_same_alone_and_together(model, network, batch, features):
    parts = {
        "masked_language": MaskedLanguage(weight=0.5, share=0.5), "matching": Matching(weight=2.0, negatives=3),
        "text_video": TextVideo(weight=0.25),
    }  # fmt: skip
    together = terms_of(model, network, batch, features, **parts)
    assert together.keys() == {*parts, "loss"}
    for name, settings in parts.items():
        alone = terms_of(model, network, batch, features, **{name: settings})
        torch.testing.assert_close(alone[name], together[name], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone["loss"], settings.weight * alone[name])
    wanted = sum(parts[name].weight * together[name] for name in parts)
    torch.testing.assert_close(together["loss"], wanted)


def test_a_few_pairs_at_a_time_give_the_gradients_of_all_at_once(model, network, batch, features, monkeypatch):
    settings = Objective(
        masked_language=MaskedLanguage(weight=1), matching=Matching(weight=1, negatives=3), text_video=TextVideo(weight=1)
    )  # fmt: skip
    read, sizes = network.read, []
    monkeypatch.setattr(network, "read", lambda tower, ids, **rest: sizes.append(len(ids)) or read(tower, ids, **rest))
    found = []
    for pairs_at_once in (None, 4):
        network.zero_grad()
        frames = features[1].frames.clone().requires_grad_()
        objective = objective_for(network, settings, pairs_at_once=pairs_at_once)
        shown = (features[0], replace(features[1], frames=frames))
        terms = objective(shared_tower(model), batch.texts, shown, step=0, text_ids=batch.text_ids)
        terms["loss"].backward()
        found.append((terms["loss"].detach(), frames.grad, network.pooler.weight.grad, network.frames.weight.grad))
        assert max(sizes) == (COUNT + 3 * COUNT + COUNT if pairs_at_once is None else 4)
        sizes.clear()
    for whole, parts in zip(*found, strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_pairs_that_were_not_compared_are_infinitely_far():
    scores, columns = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.tensor([[0, 2], [1, 0], [2, 1]])
    far = float("-inf")
    assert compared_matrix(scores, columns).tolist() == [[1.0, far, 2.0], [4.0, 3.0, far], [far, 6.0, 5.0]]
    with pytest.raises(ValueError, match=r"\[N, K\]"):
        compared_matrix(scores, columns[:2])


def test_what_a_recipe_asks_for_in_vain_is_said(shards, tiny_model, tmp_path):
    with pytest.raises(InputError, match=r"objective\.matching: a curriculum needs mining"):
        small_recipe(shards, "objective.matching.curriculum={}")
    with pytest.raises(InputError, match=r"objective\.matching\.minning is not a setting; did you mean mining"):
        small_recipe(shards, "objective.matching.minning=nearest")
    recipe = small_recipe(shards, "objective.matching.weight=1", "batch.size=2", model={"start": str(tiny_model("clip"))})
    with pytest.raises(ModelError, match="CLIPModel cannot read words and frames together"):
        prepare(recipe, tmp_path / "start", Processes())
