"""The exercises of notebook 03: references against PyTorch, wrong answers, and right ones in other styles."""

import bisect
import collections
import difflib
import functools
import itertools
import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from declared import judged
from torch import nn

from course_utils import words
from course_utils.exercises import recurrent_networks as ex
from course_utils.trial import Trial

SIZES = [(1, 1, 1), (1, 4, 2), (3, 3, 3), (4, 2, 5), (2, 6, 1)]  # batch, inputs, units


@pytest.mark.parametrize("scale", [0.1, 1, 100])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_one_step_of_the_plain_cell_is_pytorchs(size, scale):
    torch.manual_seed(0)
    cell, x, h = nn.RNNCell(*size[1:]), scale * torch.randn(size[:2]), torch.randn(size[::2])
    got = ex.rnn_step.reference(x, h, cell.weight_ih, cell.weight_hh, cell.bias_ih + cell.bias_hh)
    torch.testing.assert_close(got, cell(x, h))


@pytest.mark.parametrize("scale", [0.1, 1, 100])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_one_step_of_the_lstm_is_pytorchs(size, scale):
    torch.manual_seed(0)
    cell, x, h = nn.LSTMCell(*size[1:]), scale * torch.randn(size[:2]), torch.randn(size[::2])
    c = scale * torch.randn(size[::2])
    got = ex.lstm_step.reference(x, h, c, cell.weight_ih, cell.weight_hh, cell.bias_ih + cell.bias_hh)
    torch.testing.assert_close(got, cell(x, (h, c)))


@pytest.mark.parametrize("most", [0.5, 3, 1e3])
@pytest.mark.parametrize("shapes", [[(4,)], [(2, 3), ()], [(), (2, 1, 3), (5,)]], ids=str)
def test_clipping_is_pytorchs(shapes, most):
    torch.manual_seed(0)
    gradients = [10 * torch.randn(shape) for shape in shapes]
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, most)
    got = ex.clip.reference(gradients, most)
    torch.testing.assert_close(got, [parameter.grad for parameter in parameters], rtol=1e-5, atol=0)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20, 1e37])
def test_clipping_measures_lengths_whose_squares_no_float32_can_hold(scale):
    got = ex.clip.reference([torch.tensor([3 * scale]), torch.tensor([[-4 * scale]])], scale)
    torch.testing.assert_close([g / scale for g in got], [torch.tensor([0.6]), torch.tensor([[-0.8]])])
    short = [torch.zeros(2), torch.tensor(scale)]
    assert ex.clip.reference(short, 2 * scale) is short


@pytest.mark.parametrize("scale", [0, 0.1, 1, 10, 800, 2000])
def test_bits_per_letter_is_pytorchs_cross_entropy_in_bits(scale):
    torch.manual_seed(0)
    for N, V in ((1, 2), (7, 3), (4, 30)):
        logits, targets = scale * torch.randn(N, V), torch.randint(V, (N,))
        expected = F.cross_entropy(logits.double(), targets).item() / math.log(2)
        assert ex.bits_per_letter.reference(logits, targets) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("level", [-2000.0, -800.0, 0.0, 800.0, 2000.0])
def test_one_of_32_equally_likely_letters_costs_5_bits_at_any_level(level):
    assert ex.bits_per_letter.reference(torch.full((3, 32), level), torch.tensor([0, 31, 31])) == pytest.approx(5)


def test_bits_per_letter_of_a_known_distribution():
    logits = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log().expand(4, 4)
    assert ex.bits_per_letter.reference(logits, torch.tensor([0, 1, 2, 3])) == pytest.approx((1 + 2 + 3 + 3) / 4)


@pytest.mark.parametrize("scale", [0.1, 1, 10, 800, 2000])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 7.0])
def test_each_symbol_is_drawn_by_as_large_a_share_of_all_u_as_its_probability(temperature, scale):
    torch.manual_seed(0)
    for V in (1, 2, 9):
        logits = scale * torch.randn(V)
        drawn = [ex.pick.reference(logits, temperature, (k + 0.5) / 500) for k in range(500)]
        assert drawn == sorted(drawn)
        shares = torch.tensor(drawn).bincount(minlength=V) / 500
        torch.testing.assert_close(shares, (logits / temperature).softmax(0), rtol=0, atol=1 / 500)


def test_a_u_just_below_1_draws_a_symbol_that_exists_and_is_possible():
    torch.manual_seed(0)
    u = math.nextafter(1.0, 0.0)
    for _ in range(200):
        logits = torch.cat([torch.randn(30), torch.full((3,), -1e4)])
        assert ex.pick.reference(logits, 1.0, u) == 29


def test_a_u_on_a_border_draws_the_second():
    assert [ex.pick.reference(torch.zeros(4), 3.0, k / 4) for k in range(4)] == [0, 1, 2, 3]


def test_no_case_of_pick_depends_on_rounding():
    for logits, temperature, u in Trial(ex.pick.reference, ex.pick.cases).cases:
        borders = (logits.double() / temperature).softmax(0).cumsum(0)
        if logits.unique().numel() > 1:
            assert (borders - u).abs().min() > 1e-4


def steps_between(a, b, letters):
    """Return how many edits lead from a to b, found by trying all."""
    reached, steps = {a}, 0
    while b not in reached:
        inserted = {w[:i] + x + w[i:] for w in reached for i in range(len(w) + 1) for x in letters}
        deleted = {w[:i] + w[i + 1 :] for w in reached for i in range(len(w))}
        replaced = {w[:i] + x + w[i + 1 :] for w in reached for i in range(len(w)) for x in letters}
        reached, steps = reached | inserted | deleted | replaced, steps + 1
    return steps


def test_the_edit_distance_is_the_least_number_of_edits_that_a_search_finds():
    generator = random.Random(0)
    draw = lambda: "".join(generator.choices("xyz", k=generator.randrange(5)))
    for a, b in [(draw(), draw()) for _ in range(60)]:
        assert ex.edit_distance.reference(a, b) == steps_between(a, b, "xyz"), (a, b)


def test_published_edit_distances():
    known = {("kitten", "sitting"): 3, ("saturday", "sunday"): 3, ("intention", "execution"): 5, ("", ""): 0}
    assert {pair: ex.edit_distance.reference(*pair) for pair in known} == known


def test_the_ready_made_edit_distance_is_that_of_the_exercise():
    generator = random.Random(0)
    for _ in range(50):
        a, b = (generator.choices(["AY", "A", "Y", "T"], k=generator.randrange(8)) for _ in range(2))
        assert words.edit_distance(a, b) == ex.edit_distance.reference(a, b)


# ---------------------------------------------------------------- wrong answers


def total(x, h, W_x, W_h, b):
    return x @ W_x.T + h @ W_h.T + b


def overwriting(x, h, W_x, W_h, b):
    return h.copy_(total(x, h, W_x, W_h, b).tanh())


RNN_STEP = {
    "the first state for all": lambda x, h, W_x, W_h, b: total(x, h[0], W_x, W_h, b).tanh(),
    "the first input for all": lambda x, h, W_x, W_h, b: total(x[0], h, W_x, W_h, b).tanh(),
    "W_x reshaped": lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.reshape(-1, len(W_x)) + h @ W_h.T + b),
    "W_x transposed if it must be": lambda x, h, W_x, W_h, b: torch.tanh(
        x @ (W_x if W_x.shape[0] == W_x.shape[1] else W_x.T) + h @ W_h.T + b
    ),
    "the input ignored": lambda x, h, W_x, W_h, b: torch.tanh(h @ W_h.T + b),
    "the bias twice": lambda x, h, W_x, W_h, b: torch.tanh(F.linear(x, W_x, b) + F.linear(h, W_h, b)),
    "the bias outside": lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T) + b,
    "the bias along the batch": lambda x, h, W_x, W_h, b: torch.tanh(
        x @ W_x.T + h @ W_h.T + (b[:, None] if len(b) == len(x) else b)
    ),
    "two tanhs": lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T) + torch.tanh(h @ W_h.T + b),
    "the state bent first": lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + torch.tanh(h @ W_h.T) + b),
    "added to the old state": lambda x, h, W_x, W_h, b: h + total(x, h, W_x, W_h, b).tanh(),
    "hardtanh": lambda *a: F.hardtanh(total(*a)),
    "softsign": lambda *a: F.softsign(total(*a)),
    "a sigmoid stretched": lambda *a: 2 * total(*a).sigmoid() - 1,
    "relu": lambda *a: total(*a).relu(),
    "the start of the series": lambda *a: total(*a) - total(*a) ** 3 / 3,
    "half": lambda *a: torch.tanh(total(*a) / 2),
    "rounded": lambda *a: total(*a).tanh().round(decimals=3),
    "a batch of one squeezed": lambda *a: total(*a).tanh().squeeze(0),
    "everything squeezed": lambda *a: total(*a).tanh().squeeze(),
    "units first": lambda *a: total(*a).tanh().T,
    "the batch's mean": lambda *a: total(*a).tanh().mean(0),
    "one row": lambda *a: total(*a).tanh()[:1],
    "sums within 3": lambda *a: total(*a).clamp(-3, 3).tanh(),
    "float16": lambda *a: total(*(v.half() for v in a)).tanh().float(),
    "state and sum": lambda *a: (total(*a).tanh(), total(*a)),
    "in place": overwriting,
    "W_x transposed in place": lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.t_() + h @ W_h.T + b),
}


def norm(gradients):
    return math.sqrt(sum((g.double() ** 2).sum().item() for g in gradients))


def scaled(length, to=lambda most, length: most / length, short=None):
    """Return a clipping that measures `length`, and multiplies by `to` what is not `short`."""

    def clipping(gradients, most):
        measured = length(gradients)
        if short(gradients, most) if short else measured <= most:
            return gradients
        return [g * to(most, measured) for g in gradients]

    return clipping


def in_place(gradients, most):
    length = norm(gradients)
    for g in gradients:
        g *= most / max(length, most)
    return gradients


def in_the_given_list(gradients, most):
    length = norm(gradients)
    for k, g in enumerate(gradients):
        gradients[k] = g * (most / max(length, most))
    return gradients


def measured_again(gradients, most):
    gradients = list(gradients)
    for k, g in enumerate(gradients):
        if norm(gradients) > most:
            gradients[k] = g * (most / norm(gradients))
    return gradients


def only_the_first(gradients, most):
    first, *others = ex.clip.reference(gradients, most)
    return [first, *(gradients[1:] if others else [])]


def halving(gradients, most):
    while norm(gradients) > most:
        gradients = [g / 2 for g in gradients]
    return gradients


def row_by_row(gradients, most):
    if norm(gradients) <= most:
        return gradients
    return [g * (most / g.norm(dim=-1, keepdim=True)) if g.ndim else g * most / g.abs() for g in gradients]


def spectral(gradients):
    return math.sqrt(
        sum(torch.linalg.norm(g, 2).item() ** 2 if g.ndim == 2 else g.norm().item() ** 2 for g in gradients)
    )


CLIP = {
    "two tensors only": scaled(lambda gs: math.hypot(gs[0].norm().item(), gs[1].norm().item())),
    "at most two tensors": scaled(lambda gs: norm(gs[:2])),
    "the first tensor": scaled(lambda gs: norm(gs[:1])),
    "the last tensor": scaled(lambda gs: norm(gs[-1:])),
    "the longest tensor": scaled(lambda gs: max(g.norm().item() for g in gs)),
    "sum of sizes": scaled(lambda gs: sum(g.abs().sum().item() for g in gs)),
    "the largest number": scaled(lambda gs: max(g.abs().max().item() for g in gs)),
    "sums squared": scaled(lambda gs: math.sqrt(sum(g.sum().item() ** 2 for g in gs))),
    "the largest stretch of a matrix": scaled(spectral),
    "per number": scaled(lambda gs: norm(gs) / math.sqrt(sum(g.numel() for g in gs))),
    "per tensor": scaled(lambda gs: norm(gs) / math.sqrt(len(gs))),
    "mean of the lengths": scaled(lambda gs: sum(g.norm().item() for g in gs) / len(gs)),
    "a whole length": scaled(lambda gs: round(norm(gs))),
    "longer than 1": scaled(norm, short=lambda gs, most: norm(gs) <= 1),
    "a little longer is fine": scaled(norm, short=lambda gs, most: norm(gs) <= 1.1 * most),
    "longer than most and 1": scaled(norm, short=lambda gs, most: norm(gs) <= max(most, 1)),
    "divided by 1 at least": lambda gs, most: [g * most / max(norm(gs), 1.0) for g in gs],
    "squared length compared": scaled(norm, short=lambda gs, most: norm(gs) ** 2 <= most),
    "squares of both compared wrongly": scaled(norm, short=lambda gs, most: norm(gs) <= most**2),
    "fine if each is short": scaled(norm, short=lambda gs, most: all(g.norm() <= most for g in gs)),
    "fine if one is short": scaled(norm, short=lambda gs, most: any(g.norm() <= most for g in gs)),
    "fine if each number is small": scaled(norm, short=lambda gs, most: all(g.abs().max() <= most for g in gs)),
    "divided by the squared length": scaled(norm, lambda most, length: most / length**2),
    "thrown away": scaled(norm, lambda most, length: 0),
    "turned round": scaled(norm, lambda most, length: -most / length),
    "by the root": scaled(norm, lambda most, length: math.sqrt(most / length)),
    "a crude small number": scaled(norm, lambda most, length: most / (length + 1e-3)),
    "most rounded": scaled(norm, lambda most, length: int(most) / length),
    "nothing divided by nothing": lambda gs, most: [g / norm(gs) * min(norm(gs), most) for g in gs],
    "zero by zero in tensors": lambda gs, most: [g / torch.tensor(norm(gs)) * min(norm(gs), most) for g in gs],
    "matrices only": scaled(lambda gs: norm([g for g in gs if g.ndim > 1])),
    "the length subtracted": lambda gs, most: gs if norm(gs) <= most else [g - (norm(gs) - most) for g in gs],
    "nothing if short": lambda gs, most: None if norm(gs) <= most else ex.clip.reference(gs, most),
    "no list if 0": lambda gs, most: ex.clip.reference(gs, most) if norm(gs) else [],
    "in place": in_place,
    "in the given list": in_the_given_list,
    "measured again": measured_again,
    "only the first": only_the_first,
    "halved until short": halving,
    "row by row": row_by_row,
    "signs": lambda gs, most: gs if norm(gs) <= most else [g.sign() * most for g in gs],
    "sizes": lambda gs, most: gs if norm(gs) <= most else [g.abs() * most / norm(gs) for g in gs],
    "flat": lambda gs, most: [g.flatten() * min(1.0, most / max(norm(gs), 1e-9)) for g in gs],
    "one vector": lambda gs, most: torch.cat([g.flatten() * min(1.0, most / max(norm(gs), 1e-9)) for g in gs]),
    "a generator": lambda gs, most: (g * min(1.0, most / max(norm(gs), 1e-9)) for g in gs),
}


def lstm(order="ifgo", write=torch.tanh, show=torch.tanh, gate=torch.sigmoid, cut=None, keep=None, clean=lambda c: c):
    """Return an LSTM step with something changed."""

    def step(x, h, c, W_x, W_h, b):
        z = total(x, h, W_x, W_h, b)
        parts = dict(zip(order, cut(z) if cut else z.chunk(4, dim=1), strict=True))
        i, f, o = (gate(parts[name]) for name in "ifo")
        new = clean((keep or (lambda f, i, c, h: f * c))(f, i, c, h) + i * write(parts["g"]))
        return o * show(new), new

    return step


def lstm_of(change):
    """Return an LSTM step that is `change` of the right (h, c)."""
    return lambda *a: change(*ex.lstm_step.reference(*a))


def given(**changes):
    """Return an LSTM step with some of its arguments changed."""
    names = ("x", "h", "c", "W_x", "W_h", "b")

    def step(x, h, c, W_x, W_h, b):
        old = dict(zip(names, (x, h, c, W_x, W_h, b), strict=True))
        return ex.lstm_step.reference(**{n: changes[n](v) if n in changes else v for n, v in old.items()})

    return step


def memory_in_place(x, h, c, W_x, W_h, b):
    return ex.lstm_step.reference(x, h, c, W_x, W_h, b)[0], c.copy_(ex.lstm_step.reference(x, h, c, W_x, W_h, b)[1])


def bent_memory(*a):
    c = lstm()(*a)[1].tanh()
    return total(*a[:2], *a[3:]).chunk(4, 1)[3].sigmoid() * c, c


LSTM_STEP = {
    **{f"order {order}": lstm(order) for order in ("fiog", "igfo", "iofg", "ofig", "ofgi")},
    "a forget gate opened by 1": lambda x, h, c, W_x, W_h, b: lstm()(
        x, h, c, W_x, W_h, b + torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat_interleave(h.shape[1])
    ),
    "memories within 1": lstm(clean=lambda c: c.clamp(-1, 1)),
    "memories within 3": lstm(clean=lambda c: c.clamp(-3, 3)),
    "memory bent": bent_memory,
    "memory shown by a sigmoid": lstm(show=torch.sigmoid),
    "the candidate as it is": lstm(write=lambda g: g),
    "the candidate by relu": lstm(write=torch.relu),
    "gates by tanh": lstm(gate=torch.tanh),
    "gates by a hard sigmoid": lstm(gate=F.hardsigmoid),
    "gates open or shut": lstm(gate=lambda z: (z > 0).float()),
    "gates the other way round": lstm(gate=lambda z: 1 - torch.sigmoid(z)),
    "gates coupled": lstm(keep=lambda f, i, c, h: (1 - i) * c),
    "the old memory bent": lstm(keep=lambda f, i, c, h: f * c.tanh()),
    "the old state kept": lstm(keep=lambda f, i, c, h: f * h),
    "f and i both keep": lstm(keep=lambda f, i, c, h: (f + i) * c),
    "nothing kept": lstm(keep=lambda f, i, c, h: 0 * c),
    "every fourth column": lstm(cut=lambda z: [z[:, k::4] for k in range(4)]),
    "reshaped": lstm(cut=lambda z: z.reshape(4, len(z), -1)),
    "cut by rows": lstm(cut=lambda z: z.chunk(4)),
    "columns of the first row": lstm(cut=lambda z: z[:1].chunk(4, dim=1)),
    "the memory looked at by the gates": lambda x, h, c, W_x, W_h, b: lstm()(x, h + c, c, W_x, W_h, b),
    "the candidate shown": lambda *a: (
        total(*a[:2], *a[3:]).chunk(4, 1)[3].sigmoid() * total(*a[:2], *a[3:]).chunk(4, 1)[2].tanh(),
        lstm()(*a)[1],
    ),
    "the old state shown": lambda *a: (total(*a[:2], *a[3:]).chunk(4, 1)[3].sigmoid() * a[1].tanh(), lstm()(*a)[1]),
    "no bias": given(b=lambda b: 0 * b),
    "the bias twice": given(b=lambda b: 2 * b),
    "no input": given(x=lambda x: 0 * x),
    "no state": given(h=lambda h: 0 * h),
    "the first state for all": given(h=lambda h: h[:1].expand_as(h)),
    "the first memory for all": given(c=lambda c: c[:1].expand_as(c)),
    "W_h transposed within a gate": given(W_h=lambda W: torch.cat([part.T for part in W.chunk(4)])),
    "only the state": lstm_of(lambda h, c: h),
    "the memory for the state": lstm_of(lambda h, c: (c, c)),
    "the state for the memory": lstm_of(lambda h, c: (h, h)),
    "the state twice": lstm_of(lambda h, c: (h, (h, c))),
    "squeezed": lstm_of(lambda h, c: (h.squeeze(), c.squeeze())),
    "side by side": lstm_of(lambda h, c: torch.cat([h, c], dim=1)),
    "rounded": lstm_of(lambda h, c: (h.round(decimals=3), c.round(decimals=3))),
    "old memory returned": lambda x, h, c, W_x, W_h, b: (lstm()(x, h, c, W_x, W_h, b)[0], c.clone()),
    "in place": memory_in_place,
}


def bits(log_p, mean=torch.mean):
    """Return an answer from ln(p) of all letters."""
    return lambda logits, targets: mean(-log_p(logits)[torch.arange(len(targets)), targets]).item() / math.log(2)


def by_hand(shift, wide=True):
    """Return ln(p), computed after something has been subtracted."""

    def log_p(logits):
        logits = logits.double() if wide else logits
        z = logits - shift(logits)
        return z - z.exp().sum(1, keepdim=True).log()

    return bits(log_p)


right_bits = bits(lambda z: z.log_softmax(1))


def letter_by_letter(logits, targets):
    cost = -logits.log_softmax(1)[torch.arange(len(targets)), targets] / math.log(2)
    return torch.stack([cost[targets == t].mean() for t in targets.unique()]).mean().item()


def shifting_in_place(logits, targets):
    logits -= logits.max(dim=1, keepdim=True).values
    return right_bits(logits, targets)


BITS_PER_LETTER = {
    "exp in float32": by_hand(lambda z: 0, wide=False),
    "exp in float64": by_hand(lambda z: 0),
    "the largest of all subtracted": by_hand(lambda z: z.max()),
    "the largest of a column subtracted": by_hand(lambda z: z.max(0).values),
    "the mean subtracted": by_hand(lambda z: z.mean(1, keepdim=True)),
    "the smallest subtracted": by_hand(lambda z: z.min(1, keepdim=True).values),
    "the first subtracted": by_hand(lambda z: z[:, :1]),
    "the largest size subtracted": by_hand(lambda z: z.abs().max(1, keepdim=True).values),
    "the largest subtracted if positive": by_hand(lambda z: z.max(1, keepdim=True).values.clamp(min=0)),
    "shifted if above 700": by_hand(lambda z: z.max(1, keepdim=True).values if z.max() > 700 else 0),
    "a constant subtracted": by_hand(lambda z: 500),
    "logits within 100": bits(lambda z: z.clamp(-100, 100).log_softmax(1)),
    "logits within 1000": bits(lambda z: z.clamp(-1000, 1000).log_softmax(1)),
    "logits divided by their largest": bits(lambda z: (z / z.abs().max().clamp(min=1)).log_softmax(1)),
    "softmax in float64": bits(lambda z: z.double().softmax(1).log()),
    "a floor of 1e-300": bits(lambda z: z.double().softmax(1).clamp(min=1e-300).log()),
    "a floor of 1e-12": bits(lambda z: (z.softmax(1) + 1e-12).log()),
    "a floor of 1e-9": bits(lambda z: (z.softmax(1) + 1e-9).log()),
    "the smallest float32": bits(lambda z: z.softmax(1).clamp(min=torch.finfo(torch.float32).tiny).log()),
    "100 nats at most": bits(lambda z: z.log_softmax(1).clamp(min=-100)),
    "1000 nats at most": bits(lambda z: z.log_softmax(1).clamp(min=-1000)),
    "infinite made large": bits(lambda z: z.softmax(1).log().nan_to_num()),
    "infinite made 0": bits(lambda z: z.softmax(1).log().nan_to_num(neginf=0.0)),
    "infinite left out": bits(lambda z: z.softmax(1).log(), lambda cost: cost[cost.isfinite()].mean()),
    "softmax over everything": bits(lambda z: z.flatten().log_softmax(0).view_as(z)),
    "smoothed": lambda z, y: F.cross_entropy(z, y, label_smoothing=0.01).item() / math.log(2),
    "letter 0 left out": lambda z, y: F.cross_entropy(z, y, ignore_index=0).item() / math.log(2),
    "behind the best": bits(lambda z: z - z.max(1, keepdim=True).values),
    "no softmax": bits(lambda z: z),
    "softmax twice": bits(lambda z: z.softmax(1).softmax(1).log()),
    "probabilities": bits(lambda z: z.softmax(1)),
    "median": bits(lambda z: z.log_softmax(1), torch.median),
    "largest": bits(lambda z: z.log_softmax(1), torch.max),
    "first": bits(lambda z: z.log_softmax(1), lambda cost: cost[0]),
    "mean of the extremes": bits(lambda z: z.log_softmax(1), lambda cost: (cost.min() + cost.max()) / 2),
    "letter by letter": letter_by_letter,
    "per letter of the alphabet": lambda z, y: right_bits(z, y) * len(z) / z.shape[1],
    "the mean over everything": lambda z, y: -(F.one_hot(y, z.shape[1]) * z.log_softmax(1)).mean().item() / math.log(2),
    "the largest possible is 1": lambda z, y: right_bits(z, y) / math.log2(z.shape[1]),
    "base 10": lambda z, y: right_bits(z, y) * math.log10(2),
    "ln 2 is 0.69": lambda z, y: right_bits(z, y) * math.log(2) / 0.69,
    "ln 2 is 0.693": lambda z, y: right_bits(z, y) * math.log(2) / 0.693,
    "log of the loss": lambda z, y: math.log2(max(F.cross_entropy(z, y).item(), 1e-9)),
    "log of the mean": lambda z, y: -z.softmax(1)[torch.arange(len(y)), y].mean().log2().item(),
    "perplexity": lambda z, y: 2.0 ** min(right_bits(z, y), 1000.0),
    "rounded": lambda z, y: round(right_bits(z, y), 3),
    "whole bits": lambda z, y: round(right_bits(z, y)),
    "the likeliest": lambda z, y: right_bits(z, z.argmax(1)),
    "letters from 1": lambda z, y: right_bits(z, y - 1),
    "letters one on": lambda z, y: right_bits(z, (y + 1) % z.shape[1]),
    "the first row for all": lambda z, y: -z.log_softmax(1)[0, y].mean().item() / math.log(2),
    "rows that targets name": lambda z, y: -z.log_softmax(1)[y % len(z)].mean().item() / math.log(2),
    "expected cost": lambda z, y: -(z.softmax(1) * z.log_softmax(1)).sum(1).mean().item() / math.log(2),
    "shifted in place": shifting_in_place,
}


def pick(p, u):
    return int(min((np.cumsum(np.asarray(p, dtype=float)) <= u).sum(), len(p) - 1))


def picking(probabilities, u_is=lambda u: u):
    """Return an answer that picks by such probabilities; nan counts as a stretch that does not end."""
    return lambda logits, temperature, u: pick(probabilities(logits.double(), temperature), u_is(u))


def shares(z):
    return z.exp() / z.exp().sum()


def powers(z, T):
    p = z.softmax(0) ** (1 / T)
    return p / p.sum()


def nearest_border(logits, temperature, u):
    return ((logits / temperature).softmax(0).cumsum(0) - u).abs().argmin().item()


def reversed_line(logits, temperature, u):
    return len(logits) - 1 - pick((logits / temperature).softmax(0).flip(0), u)


def from_a_bag(logits, temperature, u):
    bag = [i for i, p in enumerate((logits / temperature).softmax(0).tolist()) for _ in range(round(100 * p))]
    return bag[min(int(u * len(bag)), len(bag) - 1)]


def sorted_line(logits, temperature, u):
    p, which = (logits / temperature).softmax(0).sort(descending=True)
    return which[pick(p, u)].item()


def best_if_large(logits, temperature, u):
    if logits.abs().max() / temperature > 80:
        return logits.argmax().item()
    return pick((logits / temperature).softmax(0), u)


def own_draw(logits, temperature, u):
    return (logits / temperature).softmax(0).multinomial(1).item()


def among_three(logits, temperature, u):
    best = logits.topk(min(3, len(logits))).values[-1]
    return pick((logits.masked_fill(logits < best, -math.inf) / temperature).softmax(0), u)


def never_the_last(logits, temperature, u):
    return min(ex.pick.reference(logits, temperature, u), max(len(logits) - 2, 0))


def cooled_in_place(logits, temperature, u):
    logits /= temperature
    return pick(logits.softmax(0), u)


PICK = {
    "exp in float64": picking(lambda z, T: shares(z / T)),
    "exp before the temperature": picking(lambda z, T: shares(z.exp().log() / T)),
    "exp of at most 700": picking(lambda z, T: shares((z / T).clamp(-700, 700))),
    "exp of at most 50": picking(lambda z, T: shares((z / T).clamp(-50, 50))),
    "logits within 500": picking(lambda z, T: (z.clamp(-500, 500) / T).softmax(0)),
    "the mean subtracted": picking(lambda z, T: shares((z - z.mean()) / T)),
    "the first subtracted": picking(lambda z, T: shares((z - z[0]) / T)),
    "the smallest subtracted": picking(lambda z, T: shares((z - z.min()) / T)),
    "the largest size subtracted": picking(lambda z, T: shares((z - z.abs().max()) / T)),
    "the largest subtracted if positive": picking(lambda z, T: shares((z - z.max().clamp(min=0)) / T)),
    "a constant subtracted": picking(lambda z, T: shares(z / T - 500)),
    "large logits divided": picking(lambda z, T: (z / z.abs().max().clamp(min=10) * 10 / T).softmax(0)),
    "nan made 0": picking(lambda z, T: shares(z / T).nan_to_num()),
    "powers of probabilities": picking(powers),
    "powers that do not add up to 1": picking(lambda z, T: z.softmax(0) ** (1 / T)),
    "divided afterwards": picking(lambda z, T: z.softmax(0) / T),
    "softmax twice": picking(lambda z, T: (z / T).softmax(0).softmax(0)),
    "no exp": picking(lambda z, T: (z / T - (z / T).min()) / ((z / T) - (z / T).min()).sum().clamp(min=1e-9)),
    "no softmax": picking(lambda z, T: z / T),
    "probabilities rounded": picking(lambda z, T: (z / T).softmax(0).round(decimals=2)),
    "cooled twice": picking(lambda z, T: (z / T**2).softmax(0)),
    "the root of the temperature": picking(lambda z, T: (z / T**0.5).softmax(0)),
    "never below a half": picking(lambda z, T: (z / max(T, 0.5)).softmax(0)),
    "never below a tenth": picking(lambda z, T: (z / max(T, 0.1)).softmax(0)),
    "quotients within 1000": picking(lambda z, T: (z / T).clamp(-1000, 1000).softmax(0)),
    "never below 1": picking(lambda z, T: (z / max(T, 1)).softmax(0)),
    "never above 1": picking(lambda z, T: (z / min(T, 1)).softmax(0)),
    "whole quotients": picking(lambda z, T: (z // T).softmax(0)),
    "the temperature subtracted": picking(lambda z, T: (z - T).softmax(0)),
    "the sum of sizes": picking(lambda z, T: (z / T).exp().abs() / len(z)),
    "from the other end": picking(lambda z, T: (z / T).softmax(0), lambda u: 1 - u - 1e-9),
    "base 2": picking(lambda z, T: (z / T * math.log(2)).softmax(0)),
    "a whole temperature": picking(lambda z, T: (z / max(int(T), 1)).softmax(0)),
    "log of softmax": picking(lambda z, T: (z.softmax(0).log() / T).softmax(0)),
    "the best at low temperatures": lambda z, T, u: z.argmax().item() if T < 0.1 else ex.pick.reference(z, T, u),
    "the probability": lambda z, T, u: (z / T).softmax(0)[ex.pick.reference(z, T, u)].item(),
    "u in hundredths": picking(lambda z, T: (z / T).softmax(0), lambda u: round(u, 2)),
    "u and temperature swapped": lambda z, T, u: pick((z / max(u, 1e-3)).softmax(0), T),
    "laid from the end": reversed_line,
    "in order of size": sorted_line,
    "a bag of hundred": from_a_bag,
    "the best if large": best_if_large,
    "the nearest border": nearest_border,
    "another draw": own_draw,
    "among three": among_three,
    "never the last": never_the_last,
    "in place": cooled_in_place,
    "the nearest probability": lambda z, T, u: ((z / T).softmax(0) - u).abs().argmin().item(),
    "probabilities below u": lambda z, T, u: ((z / T).softmax(0) <= u).sum().item(),
    "the first above u": lambda z, T, u: int(((z / T).softmax(0) > u).float().argmax()),
    "stretches that end after u": lambda z, T, u: int(((z / T).softmax(0).cumsum(0) > u).sum()) % len(z),
    "all equally likely": lambda z, T, u: int(u * len(z)),
    "all equally likely, rounded": lambda z, T, u: round(u * (len(z) - 1)),
    "the worst": lambda z, T, u: z.argmin().item(),
    "a border belongs to the first": lambda z, T, u: int(torch.searchsorted((z / T).softmax(0).cumsum(0), u)),
    "one early, 0 at least": lambda z, T, u: max(ex.pick.reference(z, T, u) - 1, 0),
    "one late, the last at most": lambda z, T, u: min(ex.pick.reference(z, T, u) + 1, len(z) - 1),
    "a float": lambda z, T, u: float(ex.pick.reference(z, T, u)),
    "a truth": lambda z, T, u: bool(ex.pick.reference(z, T, u)) if len(z) <= 2 else ex.pick.reference(z, T, u),
}


def table(cost=lambda x, y: int(x != y), edge=lambda k: k, put=1, out=1, band=99, last=0, swaps=False):
    """Return an edit distance with something changed."""

    def distance(a, b):
        D = [[edge(i + j) for j in range(len(b) + 1)] for i in range(len(a) + 1)]
        for i in range(len(a)):
            for j in range(len(b)):
                if abs(i - j) <= band:
                    D[i + 1][j + 1] = min(D[i][j] + cost(a[i], b[j]), D[i][j + 1] + out, D[i + 1][j] + put)
                if swaps and i and j and (a[i], a[i - 1]) == (b[j - 1], b[j]):
                    D[i + 1][j + 1] = min(D[i + 1][j + 1], D[i - 1][j - 1] + 1)
        return D[len(a) - last * (len(a) > 0)][len(b) - last * (len(b) > 0)]

    return distance


right_edits = table()


def common(a, b):
    return (len(a) + len(b) - table(lambda x, y: 2 * (x != y))(a, b)) // 2


def without_ends(a, b):
    while len(a) and len(b) and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while len(a) and len(b) and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return max(len(a), len(b))


def without_beginnings(a, b):
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
    return max(len(a), len(b)) - same


def two_fingers(a, b):
    i = j = edits = 0
    while i < len(a) and j < len(b):
        same, rest = a[i] == b[j], len(a) - i - (len(b) - j)
        edits += not same
        i, j = i + (same or rest >= 0), j + (same or rest <= 0)
    return edits + len(a) - i + len(b) - j


def look_ahead(a, b):
    i = j = edits = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            i, j = i + 1, j + 1
            continue
        edits += 1
        if i + 1 < len(a) and a[i + 1] == b[j]:
            i += 1
        elif j + 1 < len(b) and a[i] == b[j + 1]:
            j += 1
        else:
            i, j = i + 1, j + 1
    return edits + len(a) - i + len(b) - j


def best_shift(a, b):
    cost = lambda s: sum(not (0 <= k - s < len(b)) or a[k] != b[k - s] for k in range(len(a)))
    over = lambda s: sum(not 0 <= k + s < len(a) for k in range(len(b)))
    return min(cost(s) + over(s) for s in range(-len(b), len(a) + 1))


def opcodes(a, b):
    codes = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in codes if tag != "equal")


def counted(a, b):
    return max(len(a), len(b)) - sum((collections.Counter(a) & collections.Counter(b)).values())


def forgets_the_diagonal(a, b):
    row = list(range(len(b) + 1))
    for i in range(len(a)):
        row[0] = i + 1
        for j in range(len(b)):
            row[j + 1] = min(row[j] + (a[i] != b[j]), row[j + 1] + 1, row[j] + 1)
    return row[-1]


def one_list_for_all_rows(a, b):
    D = [[0] * (len(b) + 1)] * (len(a) + 1)
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if not i or not j:
                D[i][j] = i + j
            else:
                D[i][j] = min(D[i - 1][j] + 1, D[i][j - 1] + 1, D[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return D[-1][-1]


def remembers_too_long(a, b, memory={}):  # noqa: B006, the mistake
    key = len(a), len(b)
    if key not in memory:
        if not len(a) or not len(b):
            memory[key] = len(a) + len(b)
        else:
            ways = (a[:-1], b), (a, b[:-1]), (a[:-1], b[:-1])
            costs = 1, 1, a[-1] != b[-1]
            memory[key] = min(remembers_too_long(*way) + cost for way, cost in zip(ways, costs, strict=True))
    return memory[key]


def rest_is_free(a, b):
    if not len(a) or not len(b):
        return 0
    if a[0] == b[0]:
        return rest_is_free(a[1:], b[1:])
    return 1 + min(rest_is_free(a[1:], b[1:]), rest_is_free(a[1:], b), rest_is_free(a, b[1:]))


def uses_up(a, b):
    a, b = list(a) if isinstance(a, str) else a, list(b) if isinstance(b, str) else b
    distance = right_edits(a, b)
    while len(a):
        a.pop()
    return distance


def names_the_empty_string(a, b):
    if a == "" or b == "":
        return len(a) + len(b)
    if a == [] or b == []:
        return 0
    return right_edits(a, b)


def by_identity(a, b):
    return table(lambda x, y: int(x is not y))(a, b)


joined = lambda word: "".join(word)
capitals = lambda word: [symbol.upper() for symbol in word]

EDIT_DISTANCE = {
    "place by place, up to the shorter's end": lambda a, b: sum(x != y for x, y in zip(a, b, strict=False)),
    "lengths": lambda a, b: abs(len(a) - len(b)),
    "the longer": lambda a, b: max(len(a), len(b)),
    "same or not": lambda a, b: int(a != b),
    "letters shared": lambda a, b: max(len(a), len(b)) - len(set(a) & set(b)),
    "letters not shared": lambda a, b: len(set(a) ^ set(b)),
    "letters counted": counted,
    "the longest common part": lambda a, b: max(len(a), len(b)) - common(a, b),
    "common ends": without_ends,
    "a common beginning": without_beginnings,
    "the best shift": best_shift,
    "two fingers": two_fingers,
    "one symbol ahead": look_ahead,
    "difflib": opcodes,
    "a share": lambda a, b: right_edits(a, b) / max(len(a), len(b), 1),
    "a float": lambda a, b: float(right_edits(a, b)),
    "swaps": table(swaps=True),
    "the same costs, others do not": table(lambda x, y: int(x == y)),
    "replacing is free": table(lambda x, y: 0),
    "replacing costs 3": table(lambda x, y: 3 * (x != y)),
    "putting in costs 2": table(put=2),
    "taking out costs 2": table(out=2),
    "edges of 1": table(edge=lambda k: min(k, 1)),
    "edges one too high": table(edge=lambda k: k + 1 if k else 0),
    "a narrow band": table(band=1),
    "a band": table(band=2),
    "without the last symbols": table(last=1),
    "at most 5": lambda a, b: min(right_edits(a, b), 5),
    "a wide band": table(band=3),
    "spaces ignored": lambda a, b: right_edits([x for x in a if x != " "], [x for x in b if x != " "]),
    "case ignored": lambda a, b: right_edits(capitals(a), capitals(b)),
    "symbols joined": lambda a, b: right_edits(joined(a), joined(b)),
    "first letters of symbols": table(lambda x, y: int(x[0] != y[0])),
    "by identity": by_identity,
    "symbols sorted": lambda a, b: right_edits(sorted(a), sorted(b)),
    "repetitions dropped": lambda a, b: right_edits(list(dict.fromkeys(a)), list(dict.fromkeys(b))),
    "the diagonal forgotten": forgets_the_diagonal,
    "one list for all rows": one_list_for_all_rows,
    "a memory that lasts": remembers_too_long,
    "the rest is free": rest_is_free,
    "an argument used up": uses_up,
    "no empty list": names_the_empty_string,
    "both empty": lambda a, b: right_edits(a, b) if len(a) or len(b) else None,
}

WRONG = {
    "rnn_step": RNN_STEP,
    "clip": CLIP,
    "lstm_step": LSTM_STEP,
    "bits_per_letter": BITS_PER_LETTER,
    "pick": PICK,
    "edit_distance": EDIT_DISTANCE,
}


test_a_plausible_wrong_answer_is_refused = judged(ex, WRONG, "wrong")


# ---------------------------------------------------------------- right answers in other styles


def one_sequence_at_a_time(x, h, W_x, W_h, b):
    return torch.stack([torch.tanh(W_x @ row + W_h @ state + b) for row, state in zip(x, h, strict=True)])


def rnn_in_numpy(*arguments):
    x, h, W_x, W_h, b = (v.numpy() for v in arguments)
    return torch.from_numpy(np.tanh(x @ W_x.T + h @ W_h.T + b))


def rnn_by_the_cell(x, h, W_x, W_h, b):
    cell = nn.RNNCell(x.shape[1], h.shape[1])
    cell.load_state_dict({"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b, "bias_hh": 0 * b})
    return cell(x, h).detach()


def clip_in_loops(gradients, most):
    squares = 0.0
    for g in gradients:
        for number in g.flatten().tolist():
            squares += number**2
    factor = 1.0 if squares**0.5 <= most else most / squares**0.5
    result = []
    for g in gradients:
        result.append(factor * g)
    return tuple(result)


def clip_by_vector(gradients, most):
    length = torch.linalg.vector_norm(nn.utils.parameters_to_vector(gradients))
    return [g * (most / length).clamp(max=1) for g in gradients]


def clip_by_pytorch(gradients, most):
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = g.clone()
    nn.utils.clip_grad_norm_(parameters, most)
    return [parameter.grad for parameter in parameters]


def lstm_gate_by_gate(x, h, c, W_x, W_h, b):
    H = h.shape[1]
    part = lambda k: F.linear(x, W_x[k * H : k * H + H], b[k * H : k * H + H]) + h @ W_h[k * H : k * H + H].T
    new = torch.sigmoid(part(1)) * c + torch.sigmoid(part(0)) * torch.tanh(part(2))
    return [torch.sigmoid(part(3)) * torch.tanh(new), new]


def lstm_in_numpy(*arguments):
    x, h, c, W_x, W_h, b = (v.double().numpy() for v in arguments)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return torch.from_numpy(sigmoid(o) * np.tanh(c)), torch.from_numpy(c)


def lstm_by_the_cell(x, h, c, W_x, W_h, b):
    cell = nn.LSTMCell(x.shape[1], h.shape[1])
    cell.load_state_dict({"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b, "bias_hh": 0 * b})
    return cell(x, (h, c))


def bits_in_loops(logits, targets):
    costs = []
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        most = max(row)
        costs.append((most - row[target] + math.log(sum(math.exp(z - most) for z in row))) / math.log(2))
    return sum(costs) / len(costs)


def bits_in_numpy(logits, targets):
    z = logits.numpy() - logits.numpy().max(axis=1, keepdims=True)
    cost = np.log2(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), targets.numpy()] / np.log(2)
    return cost.mean()


def pick_in_a_loop(logits, temperature, u):
    total = 0.0
    for i, p in enumerate((logits / temperature).softmax(dim=0)):
        total += p
        if u < total:
            return i
    return len(logits) - 1


def pick_by_taking_away(logits, temperature, u):
    z = [x / temperature for x in logits.tolist()]
    p = [math.exp(x - max(z)) for x in z]
    u, i = u * sum(p), 0
    while i < len(p) - 1 and u >= p[i]:
        u, i = u - p[i], i + 1
    return i


def pick_in_numpy(logits, temperature, u):
    p = np.exp((logits.numpy() - logits.numpy().max()) / temperature)
    return int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right"))


def edits_one_row(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        above, row = row, [i + 1]
        for j, y in enumerate(b):
            row.append(above[j] if x == y else 1 + min(above[j], above[j + 1], row[j]))
    return row[-1]


def edits_by_recursion(a, b):
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return edits_by_recursion(a[1:], b[1:])
    return 1 + min(edits_by_recursion(a[1:], b[1:]), edits_by_recursion(a[1:], b), edits_by_recursion(a, b[1:]))


def edits_by_slow_recursion(a, b):
    if len(a) == 0:
        return len(b)
    if len(b) == 0:
        return len(a)
    replaced = edits_by_slow_recursion(a[:-1], b[:-1]) + (a[-1] != b[-1])
    return min(replaced, edits_by_slow_recursion(a[:-1], b) + 1, edits_by_slow_recursion(a, b[:-1]) + 1)


def edits_with_memory(a, b):
    @functools.cache
    def distance(i, j):
        if not i or not j:
            return i + j
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return distance(len(a), len(b))


def edits_in_a_tensor(a, b):
    D = torch.zeros(len(a) + 1, len(b) + 1, dtype=torch.int64)
    D[:, 0], D[0] = torch.arange(len(a) + 1), torch.arange(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            D[i, j] = min(D[i - 1, j] + 1, D[i, j - 1] + 1, D[i - 1, j - 1] + int(a[i - 1] != b[j - 1]))
    return int(D[-1, -1])


RIGHT = {
    "rnn_step": {
        "one sequence at a time": one_sequence_at_a_time,
        "NumPy": rnn_in_numpy,
        "nn.RNNCell": rnn_by_the_cell,
        "F.linear": lambda x, h, W_x, W_h, b: F.linear(x, W_x, b).add(F.linear(h, W_h)).tanh(),
        "one product": lambda x, h, W_x, W_h, b: torch.tanh(torch.cat([x, h], 1) @ torch.cat([W_x, W_h], 1).T + b),
        "columns": lambda x, h, W_x, W_h, b: (W_x @ x.T + W_h @ h.T + b[:, None]).tanh().T,
        "float64 in between": lambda x, h, *a: total(*(v.double() for v in (x, h, *a))).tanh().to(h.dtype),
        "sums": lambda x, h, W_x, W_h, b: torch.tanh((x[:, None] * W_x).sum(2) + (h[:, None] * W_h).sum(2) + b),
        "exp": lambda *a: 1 - 2 / ((2 * total(*a)).exp() + 1),
    },
    "clip": {
        "loops and a tuple": clip_in_loops,
        "one vector": clip_by_vector,
        "PyTorch's": clip_by_pytorch,
        "copies": lambda gs, most: [g.clone() * (1.0 if norm(gs) <= most else most / norm(gs)) for g in gs],
        "norm of norms": scaled(lambda gs: torch.stack([g.norm() for g in gs]).norm().item()),
        "linalg": scaled(lambda gs: math.hypot(*[torch.linalg.norm(g).item() for g in gs])),
        "NumPy": scaled(lambda gs: float(np.linalg.norm(np.concatenate([g.numpy().ravel() for g in gs])))),
        "subtracted": lambda gs, most: [g - g * (1 - most / max(norm(gs), most)) for g in gs],
        "float32": scaled(lambda gs: sum((g * g).sum() for g in gs).sqrt()),
    },
    "lstm_step": {
        "gate by gate, a list": lstm_gate_by_gate,
        "NumPy in float64": lstm_in_numpy,
        "nn.LSTMCell": lstm_by_the_cell,
        "split": lstm(cut=lambda z: z.split(z.shape[1] // 4, dim=1)),
        "reshaped": lstm(cut=lambda z: z.reshape(len(z), 4, -1).unbind(1)),
        "sigmoid by tanh": lstm(gate=lambda z: (torch.tanh(z / 2) + 1) / 2),
    },
    "bits_per_letter": {
        "loops": bits_in_loops,
        "NumPy": bits_in_numpy,
        "cross_entropy": lambda z, y: F.cross_entropy(z, y) / math.log(2),
        "cross_entropy in float64": lambda z, y: F.cross_entropy(z.double(), y).item() / math.log(2),
        "nll_loss": lambda z, y: F.nll_loss(z.log_softmax(1), y).item() * math.log2(math.e),
        "logsumexp": lambda z, y: (z.logsumexp(1) - z.gather(1, y[:, None])[:, 0]).mean().item() / math.log(2),
        "one-hot": lambda z, y: -(F.one_hot(y, z.shape[1]) * z.log_softmax(1)).sum().item() / len(y) / math.log(2),
        "sum": lambda z, y: F.cross_entropy(z, y, reduction="sum").item() / len(y) / math.log(2),
        "shifted": by_hand(lambda z: z.max(1, keepdim=True).values, wide=False),
    },
    "pick": {
        "a loop": pick_in_a_loop,
        "taking away": pick_by_taking_away,
        "NumPy": pick_in_numpy,
        "float32": lambda z, T, u: ((z / T).softmax(0).cumsum(0) <= u).sum().item(),
        "searchsorted": lambda z, T, u: torch.searchsorted((z / T).softmax(0).cumsum(0), u, right=True).item(),
        "bisect": lambda z, T, u: bisect.bisect_right(list(itertools.accumulate((z / T).softmax(0).tolist())), u),
        "log_softmax": lambda z, T, u: int(((z / T).log_softmax(0).exp().cumsum(0) <= u).sum()),
        "without the last end": lambda z, T, u: (F.softmax(z / T, dim=-1).cumsum(0)[:-1] <= u).sum().item(),
        "the first end above u": lambda z, T, u: int(((z / T).softmax(0).cumsum(0) > u).int().argmax()),
    },
    "edit_distance": {
        "one row": edits_one_row,
        "recursion": edits_by_recursion,
        "slow recursion": edits_by_slow_recursion,
        "with a memory": edits_with_memory,
        "in a tensor": edits_in_a_tensor,
        "ready made": words.edit_distance,
    },
}


test_a_right_answer_in_another_style_passes = judged(ex, RIGHT, "passed")


def test_a_state_that_could_not_be_used_with_the_weights_is_refused():
    wide = lambda *arguments: total(*(v.double() for v in arguments)).tanh()
    status, said = ex.rnn_step.judge(lambda x, h, W_x, W_h, b: wide(x, h, W_x, W_h, b))
    assert status == "wrong" and "`torch.float64` where `h` is `torch.float32`" in said
