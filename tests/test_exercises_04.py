"""The exercises of notebook 04: references against PyTorch, wrong answers, and right ones in other styles."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from declared import judged
from torch import nn

from course_utils.exercises import transformers as ex
from course_utils.trial import Trial

STACKS = [(), (3,), (2, 1), (2, 3, 2)]
SIZES = [(1, 1, 1, 1), (4, 2, 3, 5), (1, 6, 2, 1), (5, 5, 4, 4)]  # queries, keys, numbers in a key, in a value


def cases(exercise):
    """The cases of an exercise, a list of tuples."""
    return Trial(exercise.reference, exercise.cases).cases


@pytest.mark.parametrize("scale", [0, 0.1, 1, 30, 1e4])
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_attention_is_pytorchs(stack, scale):
    torch.manual_seed(0)
    for T, S, d, e in SIZES:
        q, k, v = (torch.randn(*stack, *size, dtype=torch.float64) for size in ((T, d), (S, d), (S, e)))
        expected = F.scaled_dot_product_attention(scale * q, k, v)
        torch.testing.assert_close(ex.attend.reference(scale * q, k, v), expected)


def test_attention_over_equal_keys_is_the_mean_of_the_values_and_over_one_key_its_value():
    q, v = torch.randn(4, 3), torch.randn(5, 2)
    torch.testing.assert_close(ex.attend.reference(q, torch.ones(5, 3), v), v.mean(0).expand(4, 2))
    torch.testing.assert_close(ex.attend.reference(q, torch.ones(1, 3), v[:1]), v[:1].expand(4, 2))


@pytest.mark.parametrize("size", [(1, 1, 1, 1), (2, 3, 8, 4), (3, 5, 6, 2), (2, 4, 6, 1)], ids=str)
def test_heads_are_split_and_joined_as_in_pytorchs_multi_head_attention(size):
    torch.manual_seed(0)
    B, T, W, heads = size
    theirs, x = nn.MultiheadAttention(W, heads, batch_first=True), torch.randn(B, T, W)
    with torch.no_grad():
        mixed, shares = theirs(x, x, x, average_attn_weights=False)
        parts = F.linear(x, theirs.in_proj_weight, theirs.in_proj_bias).chunk(3, dim=2)
        q, k, v = (ex.split_heads.reference(part, heads) for part in parts)
        scores = q @ k.transpose(2, 3) / math.sqrt(W / heads)
        found = ex.attend.reference(q, k, v)
        torch.testing.assert_close(scores.softmax(3), shares)
        torch.testing.assert_close(theirs.out_proj(ex.join_heads.reference(found)), mixed)


@pytest.mark.parametrize("size", [(1, 1, 1, 1), (2, 3, 4, 5), (3, 1, 2, 2), (2, 2, 1, 3)], ids=str)
def test_number_d_of_head_h_is_number_h_times_D_plus_d_of_the_row(size):
    B, T, heads, D = size
    x = torch.arange(B * T * heads * D).view(B, T, heads * D)
    split = ex.split_heads.reference(x, heads)
    assert split.shape == (B, heads, T, D)
    for b, t, h, d in itertools.product(*map(range, size)):
        assert split[b, h, t, d] == x[b, t, h * D + d]
    assert torch.equal(ex.join_heads.reference(split), x)


@pytest.mark.parametrize("T, W", [(1, 2), (5, 2), (3, 16), (200, 4), (64, 50)])
def test_waves_are_the_parts_of_turning_complex_numbers(T, W):
    turned = [[np.exp(1j * t * 10000.0 ** (-2 * i / W)) for i in range(W // 2)] for t in range(T)]
    got = ex.waves.reference(T, W)
    assert got.shape == (T, W) and got.dtype == torch.float32
    torch.testing.assert_close(got[:, 0::2], torch.tensor(np.imag(turned)).float(), rtol=0, atol=2e-5)
    torch.testing.assert_close(got[:, 1::2], torch.tensor(np.real(turned)).float(), rtol=0, atol=2e-5)


def test_waves_of_which_the_angles_are_known():
    waves = ex.waves.reference(101, 4)  # speeds 1 and 1/100
    assert waves[0].tolist() == [0, 1, 0, 1]
    expected = [f(a) for a in (100, 1) for f in (math.sin, math.cos)]
    assert waves[100].tolist() == pytest.approx(expected, abs=1e-5)


def test_how_alike_two_places_are_depends_only_on_how_far_apart_they_are():
    alike = (p := ex.waves.reference(30, 16)) @ p.T
    for apart in range(30):
        diagonal = alike.diagonal(apart)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-4)


@pytest.mark.parametrize("T", [1, 2, 7, 40])
def test_the_mask_is_pytorchs(T):
    torch.manual_seed(0)
    mask = ex.causal_mask.reference(T)
    assert torch.equal(mask, nn.Transformer.generate_square_subsequent_mask(T) == 0)
    q, k, v = torch.randn(3, 2, T, 4)
    by_mask = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(by_mask, F.scaled_dot_product_attention(q, k, v, is_causal=True))


def any_scores(seed, V):
    """Scores that are others for every list of symbols."""
    return lambda said: torch.randn(V, generator=torch.Generator().manual_seed(hash((seed, *said)) % 2**31))


@pytest.mark.parametrize("most", [0, 1, 2, 9])
@pytest.mark.parametrize("V", [2, 3, 12])
def test_what_is_said_greedily_is_the_best_symbol_and_then_what_is_said_greedily(V, most):
    def rest(after, left):
        best = max(range(V), key=lambda s: scores(after)[s].item())
        return [] if not left or best == V // 2 else [best, *rest([*after, best], left - 1)]

    for seed in range(40):
        scores = any_scores(seed, V)
        said = ex.greedy.reference(scores, V // 2, most)
        assert said == rest([], most) and all(type(symbol) is int for symbol in said)


def test_the_length_of_what_is_said_greedily_has_the_expected_distribution():
    lengths = torch.tensor([len(ex.greedy.reference(any_scores(seed, 4), 3, 3)) for seed in range(2000)])
    shares = lengths.bincount(minlength=4) / 2000
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.1875, 0.140625, 0.421875]), rtol=0, atol=0.04)


def test_no_case_of_greedy_has_a_tie():
    for next_logits, end, most in cases(ex.greedy):
        said = ex.greedy.reference(next_logits, end, most)
        for n in range(len(said) + 1):
            first, second = next_logits(said[:n]).topk(2).values
            assert first - second > 0.1


def names(B, T):
    """Rows of letters from 1 to 9, of any lengths, with 0 behind their ends."""
    return torch.randint(1, 10, (B, T)) * (torch.arange(T) < torch.randint(1, T + 1, (B, 1)))


@pytest.mark.parametrize("share", [0, 0.15, 0.5, 1])
def test_hiding_is_what_a_loop_over_all_places_does(share):
    torch.manual_seed(0)
    for B, T in ((1, 1), (1, 8), (6, 3), (20, 12)):
        rows, chosen = names(B, T), torch.rand(B, T) < share
        hidden, targets = ex.hide.reference(rows, chosen, 10)
        for b, t in itertools.product(range(B), range(T)):
            letter = rows[b, t].item()
            expected = (10, letter) if chosen[b, t] and letter else (letter, 0)
            assert (hidden[b, t].item(), targets[b, t].item()) == expected


def test_with_its_targets_put_back_a_row_is_whole_again():
    torch.manual_seed(0)
    rows = names(50, 9)
    hidden, targets = ex.hide.reference(rows, torch.rand(50, 9) < 0.4, 10)
    assert torch.equal(torch.where(hidden == 10, targets, hidden), rows)
    assert torch.equal(hidden == 10, targets > 0)


def test_in_all_cases_0_is_only_behind_the_end_and_the_blank_is_no_letter():
    for rows, _, blank in cases(ex.hide):
        assert blank > 0 and not (rows == blank).any()
        assert not ((rows[:, 1:] > 0) & (rows[:, :-1] == 0)).any()


# ---------------------------------------------------------------- wrong answers


def attention(
    root=lambda q, k, v: math.sqrt(q.shape[-1]),
    scores=lambda q, k: q @ k.transpose(-2, -1),
    shares=lambda z: z.softmax(-1),
    mix=lambda shares, v: shares @ v,
):
    return lambda q, k, v: mix(shares(scores(q, k) / root(q, k, v)), v)


def exps(shift=lambda z: 0, wide=False):
    def shares(z):
        raised = ((z.double() if wide else z) - shift(z)).exp()
        return (raised / raised.sum(-1, keepdim=True)).float()

    return shares


def first_of_stack(q, k, v):
    for _ in range(q.ndim - 2):
        q, k, v = q[:1], k[:1], v[:1]
    return attention()(q, k, v)


def flattened(q, k, v):
    rows = attention()(*(x.flatten(0, -2) for x in (q, k, v)))
    return rows.view(*q.shape[:-1], -1)


def one_key_left_out(q, k, v):
    return attention()(q, k[..., :-1, :], v[..., :-1, :]) if k.shape[-2] > 1 else v.expand(*q.shape[:-1], -1)


def scaled_in_place(q, k, v):
    q /= math.sqrt(q.shape[-1])
    return (q @ k.transpose(-2, -1)).softmax(-1) @ v


right_attention = attention()

ATTEND = {
    "√ of the second dimension": attention(lambda q, k, v: math.sqrt(q.shape[1])),
    "√ of the first dimension": attention(lambda q, k, v: math.sqrt(len(q))),
    "√ of the queries": attention(lambda q, k, v: math.sqrt(q.shape[-2])),
    "√ of the stack": attention(lambda q, k, v: math.sqrt(q.shape[-3] if q.ndim > 2 else q.shape[-1])),
    "√ of all numbers": attention(lambda q, k, v: math.sqrt(q.numel())),
    "√2": attention(lambda q, k, v: math.sqrt(2)),
    "√ of a whole number": attention(lambda q, k, v: math.isqrt(q.shape[-1])),
    "d ** 1 / 2": attention(lambda q, k, v: 2 * q.shape[-1]),
    "√ of a value": attention(lambda q, k, v: math.sqrt(v.shape[-1])),
    "d²": attention(lambda q, k, v: q.shape[-1] ** 2),
    "log d": attention(lambda q, k, v: math.log2(q.shape[-1]) or 1),
    "times √d": attention(lambda q, k, v: 1 / math.sqrt(q.shape[-1])),
    "√d twice": lambda q, k, v: F.scaled_dot_product_attention(q / math.sqrt(q.shape[-1]), k, v),
    "√d after softmax": lambda q, k, v: (q @ k.transpose(-2, -1)).softmax(-1) / math.sqrt(q.shape[-1]) @ v,
    "values divided": lambda q, k, v: right_attention(q, k, v / math.sqrt(v.shape[-1])),
    "lengths taken out": attention(scores=lambda q, k: F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT),
    "distances": attention(scores=lambda q, k: -torch.cdist(q, k)),
    "squared distances": attention(scores=lambda q, k: -torch.cdist(q, k).square() / 2),
    "k with its dimensions reversed": attention(scores=lambda q, k: q @ k.permute(*range(k.ndim)[::-1])),
    "k reshaped": attention(scores=lambda q, k: q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])),
    "k looks at q": lambda q, k, v: right_attention(k, q, v),
    "only one query": attention(scores=lambda q, k: q[..., :1, :] @ k.mT),
    "scores by pairs": attention(
        scores=lambda q, k: (q[..., :1, :] * k).sum(-1)[..., None, :].expand(*q.shape[:-1], -1)
    ),
    "softmax over dimension 1": attention(shares=lambda z: z.softmax(1)),
    "softmax over dimension 2": attention(shares=lambda z: z.softmax(min(2, z.ndim - 1))),
    "softmax over dimension 0": attention(shares=lambda z: z.softmax(0)),
    "softmax over everything": attention(shares=lambda z: z.flatten().softmax(0).view_as(z)),
    "softmax over the table": attention(shares=lambda z: z.flatten(-2).softmax(-1).view_as(z)),
    "softmax twice": attention(shares=lambda z: z.softmax(-1).softmax(-1)),
    "log_softmax": attention(shares=lambda z: z.log_softmax(-1)),
    "sigmoid": attention(shares=torch.sigmoid),
    "scores over their sum": attention(shares=lambda z: z / z.sum(-1, keepdim=True)),
    "sizes over their sum": attention(shares=lambda z: z.abs() / z.abs().sum(-1, keepdim=True)),
    "powers of 2": attention(shares=lambda z: (z * math.log(2)).softmax(-1)),
    "the best key": attention(shares=lambda z: F.one_hot(z.argmax(-1), z.shape[-1]).float()),
    "the three best keys": attention(
        shares=lambda z: z.masked_fill(z < z.topk(min(3, z.shape[-1])).values[..., -1:], -math.inf).softmax(-1)
    ),
    "a share for no key": attention(shares=lambda z: F.pad(z, (1, 0)).softmax(-1)[..., 1:]),
    "equal shares": attention(shares=lambda z: torch.ones_like(z) / z.shape[-1]),
    "exp in float64": attention(shares=exps(wide=True)),
    "exp with the largest of all taken off": attention(shares=exps(lambda z: z.max())),
    "exp with the largest of a table taken off": attention(shares=exps(lambda z: z.amax((-2, -1), keepdim=True))),
    "exp with the largest of a table taken off, float64": attention(
        shares=exps(lambda z: z.amax((-2, -1), keepdim=True), wide=True)
    ),
    "exp with the largest of a column taken off": attention(shares=exps(lambda z: z.amax(-2, keepdim=True))),
    "exp with the largest size taken off": attention(shares=exps(lambda z: z.abs().amax(-1, keepdim=True))),
    "exp with the smallest taken off": attention(shares=exps(lambda z: z.amin(-1, keepdim=True))),
    "exp within 700": attention(shares=lambda z: exps()(z.double().clamp(-700, 700))),
    "exp with the mean taken off": attention(shares=exps(lambda z: z.mean(-1, keepdim=True))),
    "exp with the largest taken off if positive": attention(
        shares=exps(lambda z: z.amax(-1, keepdim=True).clamp(min=0), wide=True)
    ),
    "scores within 50": attention(shares=lambda z: z.clamp(-50, 50).softmax(-1)),
    "scores within 100": attention(shares=lambda z: z.clamp(-100, 100).softmax(-1)),
    "infinite made large": attention(shares=lambda z: (z.exp() / z.exp().sum(-1, keepdim=True)).nan_to_num()),
    "a little added to the sum": attention(shares=lambda z: z.exp() / (z.exp().sum(-1, keepdim=True) + 1e-9)),
    "nobody looks ahead": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    "the sum of values": attention(mix=lambda shares, v: v.sum(-2, keepdim=True).expand(*shares.shape[:-1], -1)),
    "keys mixed": lambda q, k, v: right_attention(q, k, k),
    "queries added": lambda q, k, v: right_attention(q, k, v) + (q if q.shape[-1] == v.shape[-1] else 0),
    "mixtures and shares": attention(mix=lambda shares, v: (shares @ v, shares)),
    "shares transposed": attention(
        mix=lambda shares, v: shares.mT @ v if shares.shape[-1] == shares.shape[-2] else shares @ v
    ),
    "squeezed": lambda q, k, v: right_attention(q, k, v).squeeze(),
    "the last dimension squeezed": lambda q, k, v: right_attention(q, k, v).squeeze(-1),
    "a stack of one squeezed": lambda q, k, v: right_attention(q, k, v).squeeze(0),
    "the mean of a stack": lambda q, k, v: (
        right_attention(q, k, v) if q.ndim == 2 else right_attention(q, k, v).mean(0)
    ),
    "one of the stack": first_of_stack,
    "stacks mixed": flattened,
    "the last key left out": one_key_left_out,
    "rounded": lambda q, k, v: right_attention(q, k, v).round(decimals=3),
    "float16": lambda q, k, v: right_attention(q.half(), k.half(), v.half()).float(),
    "in place": scaled_in_place,
}


SPLIT_HEADS = {
    "x as it is": lambda x, heads: x,
    "a view with the heads' shape": lambda x, heads: x.view(len(x), heads, -1, x.shape[2] // heads),
    "every so-manyth": lambda x, heads: torch.stack([x[..., h::heads] for h in range(heads)], dim=1),
    "heads behind": lambda x, heads: x.unflatten(2, (heads, -1)),
    "heads last": lambda x, heads: x.unflatten(2, (heads, -1)).permute(0, 1, 3, 2),
    "heads first": lambda x, heads: torch.stack(x.chunk(heads, dim=2)),
    "places last": lambda x, heads: x.unflatten(2, (heads, -1)).permute(0, 2, 3, 1),
    "places last, turned over": lambda x, heads: x.mT.reshape(len(x), heads, x.shape[1], -1),
    "parts of `heads` numbers": lambda x, heads: torch.stack(x.split(heads, dim=2), dim=1),
    "parts of `heads` numbers, behind": lambda x, heads: x.unflatten(2, (-1, heads)),
    "parts exchanged with places": lambda x, heads: x.unflatten(2, (-1, heads)).permute(0, 3, 1, 2).flip(1),
    "places cut": lambda x, heads: x.reshape(len(x), heads, -1, x.shape[2] // heads).flip(1),
    "last head first": lambda x, heads: torch.stack(x.chunk(heads, dim=2)[::-1], dim=1),
    "parts backwards": lambda x, heads: x.flip(2).unflatten(2, (heads, -1)).transpose(1, 2).flip(1),
    "two heads": lambda x, heads: x.unflatten(2, (2, -1)).transpose(1, 2),
    "the whole row for each": lambda x, heads: x[:, None].expand(-1, heads, -1, -1),
    "batch and heads mixed": lambda x, heads: x.reshape(heads, len(x), x.shape[1], -1).transpose(0, 1),
    "batch and places exchanged": lambda x, heads: x.unflatten(2, (heads, -1)).permute(1, 2, 0, 3),
    "batch and heads together": lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2).flatten(0, 1),
    "the first of the batch": lambda x, heads: x[:1].unflatten(2, (heads, -1)).transpose(1, 2),
    "the first of the batch for all": lambda x, heads: x[:1].expand_as(x).unflatten(2, (heads, -1)).transpose(1, 2),
    "the first part for all": lambda x, heads: x[:, None, :, : x.shape[2] // heads].expand(-1, heads, -1, -1),
    "a list of parts": lambda x, heads: list(x.chunk(heads, dim=2)),
    "squeezed": lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2).squeeze(),
    "a batch of one squeezed": lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2).squeeze(0),
    "one head squeezed": lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2).squeeze(1),
    "one number squeezed": lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2).squeeze(3),
    "scaled": lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2) / math.sqrt(x.shape[2] // heads),
    "whole numbers": lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2).long(),
}


JOIN_HEADS = {
    "x as it is": lambda x: x,
    "exchanged only": lambda x: x.transpose(1, 2),
    "flattened only": lambda x: x.reshape(len(x), x.shape[2], -1),
    "heads and places together": lambda x: x.flatten(1, 2),
    "places and heads together": lambda x: x.transpose(1, 2).flatten(1, 2),
    "number by number": lambda x: x.permute(0, 2, 3, 1).flatten(2),
    "exchanged with the last": lambda x: x.transpose(1, 3).reshape(len(x), x.shape[2], -1),
    "turned over": lambda x: x.mT.reshape(len(x), x.shape[2], -1),
    "turned over, then flattened": lambda x: x.mT.flatten(1, 2).mT.contiguous().view(len(x), -1, x.shape[2]),
    "places last": lambda x: x.mT.flatten(1, 2),
    "all places of a head": lambda x: x.flatten(2),
    "one row for each of the batch": lambda x: x.transpose(1, 2).flatten(1),
    "places first": lambda x: x.permute(2, 0, 1, 3).flatten(2),
    "the batch side by side": lambda x: torch.cat(list(x), dim=-1),
    "batch and heads exchanged": lambda x: x.permute(1, 2, 0, 3).flatten(2),
    "batch and heads mixed": lambda x: x.transpose(0, 1).reshape(x.shape[:2] + x.shape[2:]).transpose(1, 2).flatten(2),
    "heads one after another": lambda x: torch.cat(list(x.transpose(0, 1)), dim=1),
    "last head first": lambda x: x.flip(1).transpose(1, 2).flatten(2),
    "sum": lambda x: x.sum(1),
    "the first head": lambda x: x[:, 0],
    "the largest": lambda x: x.amax(1),
    "two heads": lambda x: torch.cat([x[:, 0], x[:, -1]], dim=-1),
    "the first of the batch": lambda x: x[:1].transpose(1, 2).flatten(2),
    "the first of the batch for all": lambda x: x[:1].expand_as(x).transpose(1, 2).flatten(2),
    "squeezed": lambda x: x.transpose(1, 2).flatten(2).squeeze(),
    "a batch of one squeezed": lambda x: x.transpose(1, 2).flatten(2).squeeze(0),
    "one place squeezed": lambda x: x.transpose(1, 2).flatten(2).squeeze(1),
    "a list of rows": lambda x: list(x.transpose(1, 2).flatten(2)),
    "whole numbers": lambda x: x.transpose(1, 2).flatten(2).long(),
}


def wave(angle, first=math.sin, second=math.cos):
    """Return waves column by column: `angle(t, column, T, W)`; `first` for the even columns, `second` for the odd."""
    return lambda T, W: torch.tensor(
        [[(second if c % 2 else first)(angle(t, c, T, W)) for c in range(W)] for t in range(T)]
    )


def speeds(exponent, base=10000):
    return wave(lambda t, c, T, W: t / base ** exponent(c, W))


right_waves = speeds(lambda c, W: (c - c % 2) / W)
by_halves = lambda T, W, join: join([right_waves(T, W)[:, 0::2], right_waves(T, W)[:, 1::2]])

WAVES = {
    "a speed for each column": speeds(lambda c, W: c / W),
    "a speed for each column, doubled": speeds(lambda c, W: 2 * c / W),
    "i / W": speeds(lambda c, W: c // 2 / W),
    "4i / W": speeds(lambda c, W: 4 * (c // 2) / W),
    "i counted from 1": speeds(lambda c, W: 2 * (c // 2 + 1) / W),
    "the cosine one speed on": speeds(lambda c, W: 2 * ((c + 1) // 2) / W),
    "up to the slowest": speeds(lambda c, W: (c // 2) / max(W // 2 - 1, 1)),
    "up to the slowest column": speeds(lambda c, W: 2 * (c // 2) / (W - 1)),
    "a whole exponent": speeds(lambda c, W: 2 * (c // 2) // W),
    "64 numbers": speeds(lambda c, W: 2 * (c // 2) / 64),
    "W squared": speeds(lambda c, W: 2 * (c // 2) / W**0.5),
    "no W": speeds(lambda c, W: 2 * (c // 2)),
    "base 100": speeds(lambda c, W: (c - c % 2) / W, 100),
    "base 9000": speeds(lambda c, W: (c - c % 2) / W, 9000),
    "base 100000": speeds(lambda c, W: (c - c % 2) / W, 1e5),
    "base e": speeds(lambda c, W: (c - c % 2) / W, math.e),
    "one speed": wave(lambda t, c, T, W: t),
    "times": wave(lambda t, c, T, W: t * 10000 ** ((c - c % 2) / W)),
    "divided and raised": wave(lambda t, c, T, W: (t / 10000) ** ((c - c % 2) / W)),
    "product in the base": wave(lambda t, c, T, W: t / (10000 * (c - c % 2) / W or 1)),
    "a whole angle": wave(lambda t, c, T, W: t // 10000 ** ((c - c % 2) / W)),
    "without brackets": wave(lambda t, c, T, W: t / 10000**2 * (c // 2) / W),
    "a sine divided": lambda T, W: torch.tensor(
        [[(math.cos if c % 2 else math.sin)(t) / 10000 ** ((c - c % 2) / W) for c in range(W)] for t in range(T)]
    ),
    "whole turns": wave(lambda t, c, T, W: 2 * math.pi * t / 10000 ** ((c - c % 2) / W)),
    "whole speeds": wave(lambda t, c, T, W: t / round(10000 ** ((c - c % 2) / W))),
    "degrees": wave(lambda t, c, T, W: math.radians(t / 10000 ** ((c - c % 2) / W))),
    "a share of T": wave(lambda t, c, T, W: t / T / 10000 ** ((c - c % 2) / W)),
    "places from 1": wave(lambda t, c, T, W: (t + 1) / 10000 ** ((c - c % 2) / W)),
    "places from the end": wave(lambda t, c, T, W: (T - 1 - t) / 10000 ** ((c - c % 2) / W)),
    "places within 16": wave(lambda t, c, T, W: t % 16 / 10000 ** ((c - c % 2) / W)),
    "minus t": wave(lambda t, c, T, W: -t / 10000 ** ((c - c % 2) / W)),
    "two sines": wave(lambda t, c, T, W: t / 10000 ** ((c - c % 2) / W), math.sin, math.sin),
    "two cosines": wave(lambda t, c, T, W: t / 10000 ** ((c - c % 2) / W), math.cos, math.cos),
    "tangent": wave(lambda t, c, T, W: t / 10000 ** ((c - c % 2) / W), math.tan),
    "columns backwards": lambda T, W: right_waves(T, W).flip(1),
    "slowest first": lambda T, W: right_waves(T, W).unflatten(1, (-1, 2)).flip(1).flatten(1),
    "halves joined below": lambda T, W: by_halves(T, W, lambda parts: torch.cat(parts)),
    "cosines first": lambda T, W: by_halves(T, W, lambda parts: torch.cat(parts[::-1], dim=1)),
    "halves stacked": lambda T, W: by_halves(T, W, lambda parts: torch.stack(parts, dim=2)),
    "halves stacked and mixed": lambda T, W: by_halves(T, W, lambda parts: torch.stack(parts, dim=1).flatten(1)),
    "sums": lambda T, W: by_halves(T, W, sum),
    "rows and columns exchanged": lambda T, W: right_waves(T, W).T,
    "with a batch": lambda T, W: right_waves(T, W)[None],
    "with a batch in the middle": lambda T, W: right_waves(T, W)[:, None],
    "squeezed": lambda T, W: right_waves(T, W).squeeze(),
    "one place more": lambda T, W: right_waves(T + 1, W),
    "one place less": lambda T, W: right_waves(T, W)[:-1],
    "W and T exchanged": lambda T, W: right_waves(W, T) if T % 2 == 0 else right_waves(T, W).T,
    "angles": lambda T, W: torch.tensor([[t / 10000 ** ((c - c % 2) / W) for c in range(W)] for t in range(T)]),
    "whole numbers": lambda T, W: right_waves(T, W).long(),
    "from 0 to 1": lambda T, W: (right_waves(T, W) + 1) / 2,
    "of length 1": lambda T, W: F.normalize(right_waves(T, W), dim=1),
    "scaled": lambda T, W: right_waves(T, W) * W**-0.5,
    "a list": lambda T, W: right_waves(T, W).tolist(),
    "rounded": lambda T, W: right_waves(T, W).round(decimals=3),
    "float16": lambda T, W: right_waves(T, W).half(),
    "steps of float16": lambda T, W: wave(lambda t, c, T, W: t * float(np.float16(10000 ** (-(c - c % 2) / W))))(T, W),
    "random": lambda T, W: torch.rand(T, W) * 2 - 1,
    "zeros": lambda T, W: torch.zeros(T, W),
}


whole = lambda T: torch.ones(T, T, dtype=torch.bool)

CAUSAL_MASK = {
    "all": whole,
    "nobody": lambda T: ~whole(T),
    "oneself": lambda T: torch.eye(T, dtype=torch.bool),
    "all but oneself": lambda T: ~torch.eye(T, dtype=torch.bool),
    "one step ahead": lambda T: whole(T).tril(1),
    "only before": lambda T: whole(T).tril(-1),
    "only before, and the first itself": lambda T: whole(T).tril(-1) | (torch.arange(T * T).view(T, T) == 0),
    "two steps behind": lambda T: whole(T).tril(-2),
    "from oneself on": lambda T: whole(T).triu(),
    "ahead": lambda T: whole(T).triu(1),
    "the other diagonal": lambda T: whole(T).tril().flip(0),
    "the other diagonal, from the left": lambda T: whole(T).tril().flip(1),
    "oneself and one before": lambda T: whole(T).tril().triu(-1),
    "oneself and four before": lambda T: whole(T).tril().triu(-4),
    "oneself and 15 before": lambda T: whole(T).tril().triu(-15),
    "at most 10 places": lambda T: whole(10).tril()[:T, :T],
    "at most 16 places": lambda T: whole(16).tril()[:T, :T],
    "the first for all": lambda T: (torch.arange(T) == 0).expand(T, T),
    "oneself and the first": lambda T: torch.eye(T, dtype=torch.bool) | (torch.arange(T) == 0),
    "up to half": lambda T: whole(T) & (torch.arange(T) <= T // 2),
    "the last only for itself": lambda T: whole(T) & ((torch.arange(T) < T - 1) | (torch.arange(T)[:, None] == T - 1)),
    "uint8": lambda T: torch.ones(T, T, dtype=torch.uint8).tril(),
    "ints": lambda T: whole(T).tril().int(),
    "minus infinity": nn.Transformer.generate_square_subsequent_mask,
    "a large negative number": lambda T: torch.zeros(T, T).masked_fill(~whole(T).tril(), -1e9),
    "zero is allowed": lambda T: torch.ones(T, T).triu(1),
    "one row": lambda T: torch.arange(T) >= 0,
    "one less": lambda T: whole(T - 1).tril(),
    "one more": lambda T: whole(T + 1).tril(),
    "with a batch": lambda T: whole(T).tril()[None],
    "with a batch and heads": lambda T: whole(T).tril()[None, None],
    "squeezed": lambda T: whole(T).tril().squeeze(),
    "lists": lambda T: whole(T).tril().tolist(),
    "NumPy": lambda T: np.tri(T, dtype=bool),
    "where it is allowed": lambda T: whole(T).tril().nonzero(),
}


def speaking(
    choose=lambda z: z.argmax(),
    given=lambda said, end: said,
    until=lambda symbol, said, end: symbol == end,
    keep=lambda symbol: int(symbol),
    most_is=lambda most: most,
):
    """Return a greedy speaker that differs in one thing."""

    def answer(next_logits, end, most):
        said = []
        for _ in range(most_is(most)):
            symbol = keep(choose(next_logits(given(said, end))))
            if until(symbol, said, end):
                break
            said.append(symbol)
        return said

    return answer


def best_of(best):
    """Return a choice by a loop that begins with a best score of `best`."""

    def choose(z):
        place, most = 0, best
        for i, score in enumerate(z.tolist()):
            if score > most:
                place, most = i, score
        return place

    return choose


def never_says_the_end(next_logits, end, most):
    said = []
    while len(said) < most:
        logits = next_logits(said).clone()
        logits[end] = -math.inf
        said.append(int(logits.argmax()))
    return said


def asks_once(next_logits, end, most):
    best = next_logits([]).argsort(descending=True).tolist()[:most]
    return best[: best.index(end)] if end in best else best


def one_step(next_logits, end, most):
    symbol = int(next_logits([]).argmax())
    return [] if symbol == end else [symbol]


def says_scores(next_logits, end, most):
    said, scores = [], []
    while len(said) < most:
        score, symbol = next_logits(said).max(0)
        if symbol == end:
            break
        said.append(int(symbol))
        scores.append(score.item())
    return said, scores


def end_only_when_short(next_logits, end, most):
    said = speaking()(next_logits, end, most)
    return said if len(said) == most else [*said, end]


def nothing_if_no_end(next_logits, end, most):
    said = speaking()(next_logits, end, most)
    return said if len(said) < most else []


def without_the_last(next_logits, end, most):
    return speaking()(next_logits, end, most)[:-1]


def last_always_dropped(next_logits, end, most):
    said = []
    while len(said) < most:
        said.append(int(next_logits(said).argmax()))
        if said[-1] == end:
            break
    return said[:-1]


def ends_counted(next_logits, end, most):
    said = []
    while len(said) < most:
        said.append(int(next_logits(said).argmax()))
    return [symbol for symbol in said if symbol != end]


def remembering(next_logits, end, most, said=[]):  # noqa: B006, the mistake
    while len(said) < most:
        symbol = int(next_logits(said).argmax())
        if symbol == end:
            break
        said.append(symbol)
    return said


GREEDY = {
    "the end is never said": never_says_the_end,
    "ends are taken out afterwards": ends_counted,
    "asked once": asks_once,
    "one symbol": one_step,
    "with the scores": says_scores,
    "the end at the end": end_only_when_short,
    "nothing without an end": nothing_if_no_end,
    "the last is dropped": last_always_dropped,
    "one too few": without_the_last,
    "a list that lasts": remembering,
    "at most two": speaking(most_is=lambda most: min(most, 2)),
    "at most four": speaking(most_is=lambda most: min(most, 4)),
    "at most ten": speaking(most_is=lambda most: min(most, 10)),
    "at least two": speaking(most_is=lambda most: max(most, 2)),
    "one more": speaking(most_is=lambda most: most + 1),
    "stops at repetition": speaking(until=lambda symbol, said, end: symbol == end or symbol in said),
    "stops at the same twice": speaking(until=lambda symbol, said, end: symbol == end or [symbol] == said[-1:]),
    "stops at 0 too": speaking(until=lambda symbol, said, end: symbol in (0, end)),
    "stops at the end or above": speaking(until=lambda symbol, said, end: symbol >= end),
    "stops at the end or below": speaking(until=lambda symbol, said, end: symbol <= end),
    "stops after the end": speaking(until=lambda symbol, said, end: end in said),
    "stops at 3": speaking(until=lambda symbol, said, end: symbol == 3),
    "the same object": speaking(until=lambda symbol, said, end: symbol is end),
    "the end only after a symbol": speaking(until=lambda symbol, said, end: bool(said) and symbol == end),
    "stops once there are as many as symbols": speaking(until=lambda s, said, end: s == end or len(said) > end),
    "nothing said so far": speaking(given=lambda said, end: []),
    "the last two": speaking(given=lambda said, end: said[-2:]),
    "the last three": speaking(given=lambda said, end: said[-3:]),
    "the last five": speaking(given=lambda said, end: said[-5:]),
    "the first": speaking(given=lambda said, end: said[:1]),
    "without the last": speaking(given=lambda said, end: said[:-1]),
    "backwards": speaking(given=lambda said, end: said[::-1]),
    "sorted": speaking(given=lambda said, end: sorted(said)),
    "each once": speaking(given=lambda said, end: list(dict.fromkeys(said))),
    "0 in front": speaking(given=lambda said, end: [0, *said]),
    "the end in front": speaking(given=lambda said, end: [end, *said]),
    "a list in a list": speaking(given=lambda said, end: [said]),
    "counted from 1": speaking(keep=lambda symbol: int(symbol) + 1),
    "counted from −1": speaking(keep=lambda symbol: int(symbol) - 1),
    "floats": speaking(keep=lambda symbol: float(symbol)),
    "strings": speaking(keep=lambda symbol: str(int(symbol))),
    "the largest size": speaking(lambda z: z.abs().argmax()),
    "the largest square": speaking(lambda z: (z**2).argmax()),
    "the smallest": speaking(lambda z: z.argmin()),
    "the second": speaking(lambda z: z.argsort()[-2]),
    "the last of argsort": speaking(lambda z: z.argsort(descending=True)[-1]),
    "the largest score": speaking(lambda z: z.max()),
    "the first above 0": speaking(lambda z: (z > 0).int().argmax()),
    "the first above 1": speaking(lambda z: (z > 1).int().argmax()),
    "the last above 0": speaking(lambda z: max([i for i, score in enumerate(z.tolist()) if score > 0], default=0)),
    "best from 0": speaking(best_of(0)),
    "best from −1": speaking(best_of(-1)),
    "best from −100": speaking(best_of(-100)),
    "by exp": speaking(lambda z: z.exp().argmax()),
    "by exp in float64": speaking(lambda z: z.double().exp().argmax()),
    "by shares of exp": speaking(lambda z: (z.exp() / z.exp().sum()).argmax()),
    "by sigmoid": speaking(lambda z: z.sigmoid().argmax()),
    "by relu": speaking(lambda z: z.relu().argmax()),
    "by log": speaking(lambda z: z.clamp(min=1e-9).log().argmax()),
    "scores in float16": speaking(lambda z: z.half().argmax()),
    "scores within 1000": speaking(lambda z: z.clamp(-1000, 1000).argmax()),
    "whole scores": speaking(lambda z: z.int().argmax()),
    "without symbol 0": speaking(lambda z: 1 + z[1:].argmax()),
    "without the last symbol": speaking(lambda z: z[:-1].argmax()),
    "drawn": speaking(lambda z: z.softmax(0).multinomial(1)),
    "drawn, sharply": speaking(lambda z: (2 * z).softmax(0).multinomial(1)),
    "a tensor": lambda next_logits, end, most: torch.tensor(speaking()(next_logits, end, most)),
    "a set": lambda next_logits, end, most: set(speaking()(next_logits, end, most)),
    "how many": lambda next_logits, end, most: len(speaking()(next_logits, end, most)),
    "from the last to the first": lambda next_logits, end, most: speaking()(next_logits, end, most)[::-1],
}


def hiding(
    where=lambda rows, chosen: chosen & (rows != 0),
    there=lambda rows, where, blank: rows.masked_fill(where, blank),
    wanted=lambda rows, where, blank: rows * where,
):
    """Return an answer that differs in one thing."""
    return lambda rows, chosen, blank: (
        there(rows, where(rows, chosen), blank),
        wanted(rows, where(rows, chosen), blank),
    )


def hidden_in_place(rows, chosen, blank):
    targets = torch.zeros_like(rows)
    targets[chosen] = rows[chosen]
    rows[chosen & (rows != 0)] = blank
    return rows, targets


def targets_after_hiding(rows, chosen, blank):
    rows = rows.masked_fill(chosen & (rows != 0), blank)
    return rows, rows * (rows == blank)


def chosen_in_place(rows, chosen, blank):
    chosen &= rows > 0
    return rows.masked_fill(chosen, blank), rows * chosen


def rows_by_name(rows, chosen, blank):
    hidden = rows.clone()
    for b in range(len(rows)):
        hidden[b][torch.isin(rows[b], rows[b][chosen[b]]) & (rows[b] > 0)] = blank
    return hidden, rows * (hidden == blank)


def only_one(rows, chosen, blank):
    first = (chosen & (rows > 0)).cumsum(1).eq(1) & chosen & (rows > 0)
    return rows.masked_fill(first, blank), rows * first


HIDE = {
    "targets where the blank was put": targets_after_hiding,
    "in place": hidden_in_place,
    "the choice in place": chosen_in_place,
    "all that are alike": rows_by_name,
    "one for each row": only_one,
    "nothing hidden": hiding(there=lambda rows, where, blank: rows.clone()),
    "everything hidden": hiding(lambda rows, chosen: rows != 0),
    "what is not chosen": hiding(lambda rows, chosen: ~chosen & (rows != 0)),
    "chosen, or a letter": hiding(lambda rows, chosen: chosen | (rows != 0)),
    "only where there is none": hiding(lambda rows, chosen: chosen & (rows == 0)),
    "odd letters": hiding(lambda rows, chosen: (chosen & rows) > 0),
    "letters above 1": hiding(lambda rows, chosen: chosen & (rows > 1)),
    "not the first place": hiding(lambda rows, chosen: chosen & (rows != 0) & (torch.arange(rows.shape[1]) > 0)),
    "not the last place": hiding(
        lambda rows, chosen: chosen & (rows != 0) & (torch.arange(rows.shape[1]) < rows.shape[1] - 1)
    ),
    "not the last letter": hiding(lambda rows, chosen: chosen & (F.pad(rows, (0, 1))[:, 1:] != 0)),
    "at most two": hiding(lambda rows, chosen: chosen & (rows != 0) & (chosen.cumsum(1) <= 2)),
    "no two neighbours": hiding(lambda rows, chosen: chosen & (rows != 0) & ~F.pad(chosen, (1, 0))[:, :-1]),
    "one place on": hiding(lambda rows, chosen: F.pad(chosen, (1, 0))[:, :-1] & (rows != 0)),
    "the first row's choice": hiding(lambda rows, chosen: chosen[:1] & (rows != 0)),
    "the first row's ends": hiding(lambda rows, chosen: chosen & (rows[:1] != 0)),
    "where no name has ended": hiding(lambda rows, chosen: chosen & (rows != 0).all(0)),
    "only whole rows": hiding(lambda rows, chosen: chosen & (rows != 0).all(1, keepdim=True)),
    "not a whole name": hiding(
        lambda rows, chosen: chosen & (rows != 0) & ~(chosen | (rows == 0)).all(1, keepdim=True)
    ),
    "a quarter at random": hiding(lambda rows, chosen: (torch.rand(rows.shape) < 0.25) & (rows != 0)),
    "blank behind the end": hiding(there=lambda rows, where, blank: rows.masked_fill(where | (rows == 0), blank)),
    "0 for the blank": hiding(there=lambda rows, where, blank: rows * ~where),
    "−1 for the blank": hiding(there=lambda rows, where, blank: rows.masked_fill(where, -1)),
    "the next number for the blank": hiding(there=lambda rows, where, blank: rows.masked_fill(where, rows.max() + 1)),
    "letters plus blank": hiding(there=lambda rows, where, blank: rows + where * blank),
    "the larger of both": hiding(there=lambda rows, where, blank: torch.maximum(rows, where * blank)),
    "blank times the letter": hiding(there=lambda rows, where, blank: rows * where.long().mul(blank - 1).add(1)),
    "blank alone": hiding(there=lambda rows, where, blank: where * blank),
    "float rows": hiding(there=lambda rows, where, blank: rows.masked_fill(where, blank).float()),
    "one behind the other": hiding(
        there=lambda rows, where, blank: torch.cat([rows[where], rows[~where]]).view_as(rows)
    ),
    "all letters as targets": hiding(wanted=lambda rows, where, blank: rows.clone()),
    "letters left as targets": hiding(wanted=lambda rows, where, blank: rows * ~where),
    "targets of −100": hiding(wanted=lambda rows, where, blank: rows.masked_fill(~where, -100)),
    "blank where there is no target": hiding(wanted=lambda rows, where, blank: rows.masked_fill(~where, blank)),
    "blank as the target": hiding(wanted=lambda rows, where, blank: where * blank),
    "where as targets": hiding(wanted=lambda rows, where, blank: where),
    "ones as targets": hiding(wanted=lambda rows, where, blank: where.long()),
    "float targets": hiding(wanted=lambda rows, where, blank: torch.zeros(rows.shape).where(~where, rows)),
    "a list of letters": hiding(wanted=lambda rows, where, blank: rows[where]),
    "targets counted from 0": hiding(wanted=lambda rows, where, blank: (rows - 1) * where),
    "targets one place on": hiding(wanted=lambda rows, where, blank: F.pad(rows * where, (1, 0))[:, :-1]),
    "blank and letters as targets": hiding(wanted=lambda rows, where, blank: (rows - blank) * where),
    "only the hidden rows": lambda rows, chosen, blank: hiding()(rows, chosen, blank)[0],
    "hidden, targets and where": lambda rows, chosen, blank: (
        *hiding()(rows, chosen, blank),
        chosen & (rows != 0),
    ),
    "the targets first": lambda rows, chosen, blank: hiding()(rows, chosen, blank)[::-1],
    "both in one": lambda rows, chosen, blank: torch.stack(hiding()(rows, chosen, blank)),
    "a dict": lambda rows, chosen, blank: dict(zip(("rows", "targets"), hiding()(rows, chosen, blank), strict=True)),
}


WRONG = {
    "attend": ATTEND,
    "split_heads": SPLIT_HEADS,
    "join_heads": JOIN_HEADS,
    "waves": WAVES,
    "causal_mask": CAUSAL_MASK,
    "greedy": GREEDY,
    "hide": HIDE,
}


test_a_plausible_wrong_answer_is_refused = judged(ex, WRONG, "wrong")


# ---------------------------------------------------------------- right answers in other styles


def attend_in_loops(q, k, v):
    if q.ndim > 2:
        return torch.stack([attend_in_loops(*part) for part in zip(q, k, v, strict=True)])
    rows = []
    for query in q:
        shares = torch.stack([query @ key for key in k]).div(query.numel() ** 0.5).softmax(0)
        rows.append(sum(share * value for share, value in zip(shares, v, strict=True)))
    return torch.stack(rows)


def attend_in_numpy(q, k, v):
    q, k, v = q.numpy(), k.numpy(), v.numpy()
    z = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return torch.from_numpy(z / z.sum(axis=-1, keepdims=True) @ v)


def split_in_loops(x, heads):
    B, T, W = x.shape
    D = W // heads
    result = torch.empty(B, heads, T, D)
    for h in range(heads):
        result[:, h] = x[:, :, h * D : (h + 1) * D]
    return result


def join_in_loops(x):
    B, heads, T, D = x.shape
    result = torch.zeros(B, T, heads * D)
    for h in range(heads):
        result[..., h * D : h * D + D] = x[:, h]
    return result


def waves_of_the_tutorial(T, W):
    position = torch.arange(T).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, W, 2) * (-math.log(10000.0) / W))
    pe = torch.zeros(T, W)
    pe[:, 0::2] = torch.sin(position * div_term)
    pe[:, 1::2] = torch.cos(position * div_term)
    return pe


def waves_in_loops(T, W):
    p = torch.zeros((T, W))
    for t in range(T):
        for i in range(W // 2):
            p[t, 2 * i] = math.sin(t / 10000 ** (2 * i / W))
            p[t, 2 * i + 1] = math.cos(t / 10000 ** (2 * i / W))
    return p


def waves_stacked(T, W):
    angle = torch.outer(torch.arange(T).float(), 10000 ** (-2 * torch.arange(W // 2) / W))
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(T, W)


def waves_in_numpy(T, W):
    angle = np.arange(T)[:, None] / 10000.0 ** (np.arange(W) // 2 * 2 / W)
    return torch.from_numpy(np.where(np.arange(W) % 2 == 0, np.sin(angle), np.cos(angle)))


def mask_in_loops(T):
    mask = torch.zeros(T, T, dtype=torch.bool)
    for t in range(T):
        mask[t, : t + 1] = True
    return mask


def greedy_forever(next_logits, end, most):
    said = []
    while True:
        symbol = next_logits(said).argmax().item()
        if symbol == end:
            return said
        said.append(symbol)
        if len(said) == most:
            return said


def greedy_by_recursion(next_logits, end, most, said=()):
    symbol = int(next_logits(list(said)).argmax())
    if symbol == end or len(said) == most:
        return list(said)
    return greedy_by_recursion(next_logits, end, most, (*said, symbol))


def greedy_cut(next_logits, end, most):
    said = []
    for _ in range(most):
        said.append(next_logits(said).softmax(-1).topk(1).indices.item())
    return said[: said.index(end)] if end in said else said


def greedy_appending_first(next_logits, end, most):
    said = []
    while len(said) < most and end not in said:
        said = [*said, int(torch.max(next_logits(said), dim=0)[1])]
    if said and said[-1] == end:
        said.pop()
    return said


def greedy_asking_on(next_logits, end, most):
    said = []
    for _ in range(most):
        symbol = int(next_logits(said).argmax())
        if symbol != end:
            said.append(symbol)
    return said


def greedy_in_python(next_logits, end, most):
    said = []
    for _ in range(most):
        logits = next_logits(said).tolist()
        symbol = logits.index(max(logits))
        if symbol == end:
            break
        said += [symbol]
    return tuple(said)


def greedy_in_tensors(next_logits, end, most):
    said = []
    while len(said) < most and (symbol := next_logits(said).log_softmax(0).argmax()) != end:
        said.append(symbol)
    return said


def hide_in_loops(rows, chosen, blank):
    hidden, targets = rows.tolist(), torch.zeros_like(rows)
    for b, row in enumerate(rows.tolist()):
        for t, letter in enumerate(row):
            if letter > 0 and chosen[b, t]:
                hidden[b][t], targets[b, t] = blank, letter
    return torch.tensor(hidden), targets


def hide_by_index(rows, chosen, blank):
    which = (chosen & (rows > 0)).nonzero(as_tuple=True)
    hidden, targets = rows.clone(), torch.zeros_like(rows)
    hidden[which], targets[which] = blank, rows[which]
    return [hidden, targets]


def hide_by_lengths(rows, chosen, blank):
    there = torch.arange(rows.shape[1]) < (rows > 0).sum(1, keepdim=True)
    return rows.masked_fill(there & chosen, blank), rows.masked_fill(~(there & chosen), 0)


def hide_by_comparing(rows, chosen, blank):
    hidden = torch.where(chosen & rows.bool(), blank, rows)
    return hidden, torch.where(hidden == blank, rows, 0)


def hide_in_numpy(rows, chosen, blank):
    rows, chosen = rows.numpy(), chosen.numpy()
    hidden = np.where(chosen & (rows != 0), blank, rows)
    return torch.from_numpy(hidden), torch.from_numpy(np.where(chosen, rows, 0))


RIGHT = {
    "attend": {
        "loops": attend_in_loops,
        "NumPy": attend_in_numpy,
        "PyTorch's": F.scaled_dot_product_attention,
        "float64": lambda *a: attention()(*(x.double() for x in a)),
        "einsum": lambda q, k, v: torch.einsum(
            "...ts,...se->...te", F.softmax(torch.einsum("...td,...sd->...ts", q, k) / q.shape[-1] ** 0.5, -1), v
        ),
        "queries divided": lambda q, k, v: ((q * q.shape[-1] ** -0.5) @ k.mT).softmax(-1) @ v,
        "both divided": lambda q, k, v: ((q / q.shape[-1] ** 0.25) @ (k / k.shape[-1] ** 0.25).mT).softmax(-1) @ v,
        "by log_softmax": attention(shares=lambda z: z.log_softmax(-1).exp()),
        "the largest taken off": attention(shares=exps(lambda z: z.amax(-1, keepdim=True))),
        "keys on the left": lambda q, k, v: (
            (k @ q.transpose(-1, -2) / torch.tensor(q.size(-1)).sqrt()).softmax(-2).mT @ v
        ),
        "sums": lambda q, k, v: (
            ((q[..., :, None, :] * k[..., None, :, :]).sum(-1) / math.sqrt(k.shape[-1])).softmax(-1)[..., None]
            * v[..., None, :, :]
        ).sum(-2),
    },
    "split_heads": {
        "loops": split_in_loops,
        "chunks": lambda x, heads: torch.stack(x.chunk(heads, dim=-1), dim=1),
        "split": lambda x, heads: torch.stack(torch.split(x, x.shape[-1] // heads, 2), 1),
        "unflatten": lambda x, heads: x.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous(),
        "permute": lambda x, heads: x.view(*x.shape[:2], heads, -1).permute(0, 2, 1, 3),
        "turned over twice": lambda x, heads: x.mT.reshape(len(x), heads, -1, x.shape[1]).mT,
        "one sequence at a time": lambda x, heads: torch.stack([torch.stack(r.tensor_split(heads, 1)) for r in x]),
    },
    "join_heads": {
        "loops": join_in_loops,
        "cat": lambda x: torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1),
        "unbind": lambda x: torch.cat(x.unbind(1), 2),
        "hstack": lambda x: torch.stack([torch.hstack(list(part)) for part in x]),
        "flatten": lambda x: x.transpose(1, 2).flatten(2),
        "view": lambda x: x.permute(0, 2, 1, 3).contiguous().view(x.shape[0], x.shape[2], -1),
        "turned over twice": lambda x: x.mT.flatten(1, 2).mT,
    },
    "waves": {
        "the tutorial's": waves_of_the_tutorial,
        "loops": waves_in_loops,
        "stacked": waves_stacked,
        "NumPy in float64": waves_in_numpy,
        "columns": right_waves,
        "powers": lambda T, W: torch.where(
            torch.arange(W) % 2 == 0,
            torch.sin(torch.arange(T)[:, None] / torch.pow(10000, (torch.arange(W) // 2) * 2 / W)),
            torch.cos(torch.arange(T)[:, None] / torch.pow(10000, (torch.arange(W) // 2) * 2 / W)),
        ),
        "sines only": lambda T, W: torch.sin(
            torch.arange(T).view(-1, 1) * torch.logspace(0, -4, W // 2 + 1)[:-1].repeat_interleave(2)
            + torch.tensor([0, math.pi / 2]).repeat(W // 2)
        ),
    },
    "causal_mask": {
        "loops": mask_in_loops,
        "tril": lambda T: torch.ones(T, T).tril().bool(),
        "tril of bools": lambda T: torch.tril(torch.full((T, T), True)),
        "not triu": lambda T: ~torch.ones(T, T, dtype=torch.bool).triu(diagonal=1),
        "lists": lambda T: torch.tensor([[s <= t for s in range(T)] for t in range(T)]),
        "PyTorch's": lambda T: nn.Transformer.generate_square_subsequent_mask(T) == 0,
        "cumsum": lambda T: torch.eye(T).cumsum(0).T.flip(0, 1) == 1,
        "NumPy": lambda T: torch.from_numpy(np.tri(T, dtype=bool)),
    },
    "greedy": {
        "forever": greedy_forever,
        "recursion": greedy_by_recursion,
        "cut at the end": greedy_cut,
        "the end taken off": greedy_appending_first,
        "a tuple, without PyTorch": greedy_in_python,
        "tensors of one number": greedy_in_tensors,
        "asking on after the end": greedy_asking_on,
        "copies": speaking(given=lambda said, end: list(said)),
        "NumPy": speaking(lambda z: np.argmax(z.numpy())),
        "sorted scores": speaking(lambda z: z.argsort()[-1]),
        "a loop over scores": speaking(best_of(-math.inf)),
    },
    "hide": {
        "loops": hide_in_loops,
        "by index, a list": hide_by_index,
        "by lengths": hide_by_lengths,
        "by comparing": hide_by_comparing,
        "NumPy": hide_in_numpy,
        "masked_fill": hiding(),
        "products": lambda rows, chosen, blank: (
            rows * ~chosen + blank * (chosen * (rows > 0)),
            rows * chosen,
        ),
        "differences": lambda rows, chosen, blank: (
            rows + (blank - rows) * (chosen * rows.sign()),
            rows.where(chosen, torch.tensor(0)),
        ),
    },
}


test_a_right_answer_in_another_style_passes = judged(ex, RIGHT, "passed")

CUT_OFF = {
    "split_heads": {
        "NumPy": lambda x, heads: torch.from_numpy(np.stack(np.split(x.detach().numpy(), heads, axis=2), axis=1)),
        "detached": lambda x, heads: split_in_loops(x.detach(), heads),
    },
    "join_heads": {
        "NumPy": lambda x: torch.from_numpy(np.concatenate(list(x.detach().numpy().swapaxes(0, 1)), axis=-1)),
        "its data": lambda x: join_in_loops(x.data),
    },
}
test_a_right_answer_without_a_gradient_is_refused = judged(ex, CUT_OFF, "wrong")
