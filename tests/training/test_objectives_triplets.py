"""The triplets of partial order, pair by pair in plain loops, and the predictor of what is important."""

from __future__ import annotations

import math

import pytest
import torch

from training.objectives import TokenImportance, matched_similarity, partial_order_terms


def unit(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, dtype=torch.float64), dim=-1)


def masks(count: int, tokens: int) -> torch.Tensor:
    return torch.arange(tokens) < torch.randint(1, tokens + 1, (count, 1))


def shares(mask: torch.Tensor) -> torch.Tensor:
    return torch.randn(mask.shape, dtype=torch.float64).mul(2).masked_fill(~mask, float("-inf")).softmax(dim=1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def scaled_to_one(vector):
    return [x / math.sqrt(dot(vector, vector)) for x in vector]


def similarity(text, frames, valid, left):
    there = [dot(text, f) for f, v, k in zip(frames, valid, left, strict=True) if v and k]
    return (max(there) + sum(there) / sum(valid)) / 2


def left_over(importance, valid, mass):
    keep, total = list(valid), 0.0
    for token in sorted(range(len(valid)), key=lambda t: (-importance[t], t)):
        if valid[token]:
            total += importance[token]
            keep[token] = total >= mass
    return keep


def terms_by_loops(t, w, f, *, omega_w, omega_f, mw, mf, mass, margin, unit_length):
    lacking = {"video": [], "video_by_words": [], "text": []}
    for i in range(len(t)):
        keep_w, keep_f = left_over(omega_w[i], mw[i], mass), left_over(omega_f[i], mf[i], mass)

        def summed(chosen, i=i):
            weights = [o * c for o, c in zip(omega_w[i], chosen, strict=True)]
            return [sum(o * word[d] for o, word in zip(weights, w[i], strict=True)) for d in range(len(t[i]))]

        whole, part = scaled_to_one(summed(mw[i])), summed(keep_w)
        part = scaled_to_one(part) if unit_length else part
        every = similarity(whole, f[i], mf[i], mf[i])
        for name, more, less in (
            ("video", similarity(t[i], f[i], mf[i], mf[i]), similarity(t[i], f[i], mf[i], keep_f)),
            ("video_by_words", every, similarity(whole, f[i], mf[i], keep_f)),
            ("text", every, similarity(part, f[i], mf[i], mf[i])),
        ):
            lacking[name].append(max(0.0, margin - (more - less)))
    return {name: sum(values) / len(values) for name, values in lacking.items()}


@pytest.mark.parametrize("unit_length", [True, False])
@pytest.mark.parametrize(("mass", "margin"), [(0.6, 0.6), (0.3, 0.05), (0.9, 0.2)])
def test_the_terms_are_those_of_each_pair_by_itself(unit_length, mass, margin):
    sentences, words, frames = unit(17, 6), unit(17, 5, 6), unit(17, 4, 6)
    mw, mf = masks(17, 5), masks(17, 4)
    omega_w, omega_f = shares(mw), shares(mf)
    found = partial_order_terms(
        sentences, words, frames, word_importance=omega_w, frame_importance=omega_f, word_mask=mw, frame_mask=mf,
        mass=mass, margin=margin, unit_length=unit_length,
    )  # fmt: skip
    wanted = terms_by_loops(
        sentences.tolist(), words.tolist(), frames.tolist(), omega_w=omega_w.tolist(), omega_f=omega_f.tolist(),
        mw=mw.tolist(), mf=mf.tolist(), mass=mass, margin=margin, unit_length=unit_length,
    )  # fmt: skip
    assert {name: term.item() for name, term in found.items()} == pytest.approx(wanted, rel=1e-9)


def arguments(pairs: int) -> dict[str, torch.Tensor]:
    mw, mf = masks(pairs, 5), masks(pairs, 4)
    return {
        "sentences": unit(pairs, 6), "words": unit(pairs, 5, 6), "frames": unit(pairs, 4, 6),
        "word_importance": shares(mw), "frame_importance": shares(mf), "word_mask": mw, "frame_mask": mf,
    }  # fmt: skip


def test_what_stands_in_padding_and_other_pairs_make_no_difference():
    given = arguments(8)
    wanted = partial_order_terms(**given)
    filled = dict(given)
    for tokens, mask, importance in (("words", "word_mask", "word_importance"), ("frames", "frame_mask", "frame_importance")):
        filled[tokens] = given[tokens].masked_fill(~given[mask][..., None], 50.0)
        filled[importance] = given[importance].masked_fill(~given[mask], 9.0)
    torch.testing.assert_close(partial_order_terms(**filled), wanted)
    halves = [partial_order_terms(**{k: v[part] for k, v in given.items()}) for part in (slice(0, 4), slice(4, 8))]
    for name, term in wanted.items():
        torch.testing.assert_close((halves[0][name] + halves[1][name]) / 2, term)


def test_gradients_are_those_of_the_value_and_reach_all_but_the_choice_of_frames():
    given = arguments(4)
    names = ["sentences", "words", "frames", "word_importance"]
    leaves = [given[name].clone().requires_grad_() for name in names]

    def total(*tensors):
        return sum(partial_order_terms(**{**given, **dict(zip(names, tensors, strict=True))}).values())

    assert torch.autograd.gradcheck(total, leaves)
    importance = given["frame_importance"].clone().requires_grad_()
    loss = sum(partial_order_terms(**{**given, "sentences": leaves[0], "frame_importance": importance}).values())
    assert torch.autograd.grad(loss, importance, allow_unused=True)[0] is None


def test_a_video_of_one_frame_and_half_precision():
    given = arguments(3)
    one = {name: tensor[:, :1] if name.startswith("frame") else tensor for name, tensor in given.items()}
    one["frame_importance"] = torch.ones(3, 1)
    assert partial_order_terms(**one)["video"].item() == pytest.approx(0.6)         # nothing can be taken away
    half = {name: t.bfloat16() if t.is_floating_point() else t for name, t in given.items()}
    full = {name: t.float() if t.is_floating_point() else t for name, t in half.items()}
    found = partial_order_terms(**half)
    assert {term.dtype for term in found.values()} == {torch.float32}
    torch.testing.assert_close(found, partial_order_terms(**full))


def test_a_frame_that_is_gone_never_wins_and_counts_as_nothing_in_the_mean():
    text, frames = torch.tensor([[1.0, 0.0]]), torch.tensor([[[-0.5, 0.0], [-0.7, 0.0], [0.9, 0.0]]])
    mask, left = torch.tensor([[True, True, False]]), torch.tensor([[False, True, True]])
    assert matched_similarity(text, frames, mask).item() == pytest.approx((-0.5 - 0.6) / 2)
    assert matched_similarity(text, frames, mask, left=left).item() == pytest.approx((-0.7 - 0.35) / 2)
    assert matched_similarity(text, frames, mask, left=~mask).item() == 0
    nothing = torch.zeros_like(mask)
    assert matched_similarity(text, frames, nothing).item() == 0


def importance_by_loops(module, queries, tokens):
    """The published predictor of one pair without padding, torch's own layers for the normalisation and the activation."""
    mixed = torch.stack([sum(module.mix.weight[t, f] * queries[f] for f in range(len(queries))) for t in range(len(tokens))])
    block = torch.cat([mixed, tokens], dim=1)
    block = torch.nn.functional.layer_norm(block, block.shape, module.scale, module.shift, eps=1e-5)
    raw = [
        torch.sigmoid(module.score.weight[0] @ torch.nn.functional.gelu(module.hidden.weight @ row)) for row in block
    ]  # fmt: skip
    return torch.stack(raw) / sum(raw)


def predictor() -> TokenImportance:
    module = TokenImportance(queries=3, tokens=4, dimension=6).double()
    for weight in module.parameters():
        torch.nn.init.normal_(weight)
    return module


def test_importance_without_padding_is_the_published_one():
    module, queries, tokens = predictor(), unit(5, 3, 6), unit(5, 4, 6)
    found = module(queries, tokens)
    for i in range(5):
        torch.testing.assert_close(found[i], importance_by_loops(module, queries[i], tokens[i]))


def test_padding_has_no_importance_and_makes_no_difference():
    module, queries, tokens = predictor(), unit(6, 3, 6), unit(6, 4, 6)
    query_mask, token_mask = masks(6, 3), masks(6, 4)
    token_mask[0] = False
    found = module(queries, tokens, query_mask=query_mask, token_mask=token_mask)
    assert (found[~token_mask] == 0).all()
    torch.testing.assert_close(found[1:].sum(dim=1), torch.ones(5, dtype=torch.float64))
    assert found[0].sum() == 0
    filled = module(
        queries.masked_fill(~query_mask[..., None], 7.0), tokens.masked_fill(~token_mask[..., None], 7.0),
        query_mask=query_mask, token_mask=token_mask,
    )  # fmt: skip
    torch.testing.assert_close(filled, found)
    for i in range(1, 6):
        alone = module(queries[i : i + 1, : query_mask[i].sum()], tokens[i : i + 1, : token_mask[i].sum()])
        torch.testing.assert_close(alone[0], found[i, : token_mask[i].sum()])


def test_every_weight_of_the_predictor_learns_and_too_many_tokens_are_refused():
    module, queries, tokens = predictor(), unit(5, 3, 6), unit(5, 4, 6)
    token_mask = masks(5, 4)
    (module(queries, tokens, token_mask=token_mask) * torch.randn(5, 4)).sum().backward()
    assert all(weight.grad.abs().max() > 0 for weight in module.parameters())
    everything = torch.zeros(5, 4, dtype=torch.bool)
    module.zero_grad()
    module(queries, tokens, token_mask=everything).sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in module.parameters() if weight.grad is not None)
    with pytest.raises(ValueError, match="more than the 3 and 4"):
        module(queries, unit(5, 5, 6))
