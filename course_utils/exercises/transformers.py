"""The exercises of notebook 04, Attend with transformers."""

import math

import torch

from course_utils.exercise import Edit, Exercise
from course_utils.exercises.cases import halves, quarters

# ---------------------------------------------------------------- 1


def attend_reference(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.softmax(dim=-1) @ v


attend = Exercise(
    reference=attend_reference,
    cases=lambda g: [
        (quarters(g, 1, 2), quarters(g, 3, 2), quarters(g, 3, 2)),
        (quarters(g, 2, 4), quarters(g, 3, 4), quarters(g, 3, 1)),
        (quarters(g, 3, 1), quarters(g, 2, 1), quarters(g, 2, 3)),
        (quarters(g, 2, 3, 2), quarters(g, 2, 4, 2), quarters(g, 2, 4, 3)),
        (quarters(g, 2, 2, 3, 5), quarters(g, 2, 2, 3, 5), quarters(g, 2, 2, 3, 4)),
        (torch.tensor([[4000.0, 0.5]]), torch.tensor([[0.5, 2.0], [1.0, -1.0], [-0.25, 0.0]]), quarters(g, 3, 2)),
        (torch.tensor([[-4000.0, 1.0]]), torch.tensor([[1.0, 0.5], [0.5, -2.0], [0.5, -2.0]]), quarters(g, 3, 1)),
        (torch.tensor([[3000.0], [-3000.0], [0.25]]), torch.tensor([[1.0], [2.0]]), quarters(g, 2, 2)),
    ],
    hints=[
        "Every query with every key: one matrix product, of which one side has to be turned over.",
        "Turn over the last two dimensions only, `transpose(-2, -1)`: in front of them may be others.",
        "`scores = q @ k.transpose(-2, -1) / math.sqrt(d)`, then softmax over the keys, then the shares times v.",
    ],
    mistakes=[
        Edit(" / math.sqrt(q.shape[-1])", "", "The scores are not divided by √d yet."),
        Edit("math.sqrt(q.shape[-1])", "q.shape[-1]", "Divide by the *root* of d, not by d."),
        Edit("math.sqrt(q.shape[-1])", "math.sqrt(k.shape[-2])", "d is the length of a row, not the number of keys."),
        Edit(
            "dim=-1",
            "dim=-2",
            "The shares of one *query*, over all keys, add up to 1: softmax over the last dimension.",
        ),
        Edit("dim=-1", "dim=1", "Dimension 1 is the last one only without a stack in front: count from the end, −1."),
        Edit("scores.softmax(dim=-1) @ v", "scores @ v", "Softmax is missing: scores are not shares yet."),
        Edit("scores.softmax(dim=-1) @ v", "scores.softmax(dim=-1)", "Those are the shares; let them mix the values."),
        Edit(
            "scores.softmax(dim=-1)",
            "scores.exp() / scores.exp().sum(-1, keepdim=True)",
            "The formula is right, but exp of a large score is infinite: `softmax` avoids that.",
        ),
    ],
    look_at="the scores, what they are divided by, and over which dimension the shares add up to 1",
)

# ---------------------------------------------------------------- 2


def split_heads_reference(x, heads):
    B, T, W = x.shape
    return x.reshape(B, T, heads, W // heads).transpose(1, 2)


split_heads = Exercise(
    reference=split_heads_reference,
    cases=lambda g: [
        (halves(g, 1, 2, 6), 3),
        (halves(g, 1, 3, 4), 4),
        (halves(g, 2, 3, 2), 2),
        (halves(g, 2, 2, 6), 2),
        (halves(g, 2, 4, 6), 3),
        (halves(g, 3, 1, 2), 1),
        (halves(g, 2, 4, 4), 4),
    ],
    hints=[
        "First make one dimension into two: the last one, W, into heads and what belongs to each.",
        "`x.reshape(B, T, heads, W // heads)` cuts each row in order; then exchange two dimensions.",
        "`.transpose(1, 2)` brings the heads in front of the places.",
    ],
    mistakes=[
        Edit(".transpose(1, 2)", "", "The heads are still behind the places: exchange the second and third dimension."),
        Edit(
            "x.reshape(B, T, heads, W // heads).transpose(1, 2)",
            "x.reshape(B, heads, T, W // heads)",
            "The shape is right, but numbers of different places are mixed: cut each *row*, then exchange.",
        ),
        Edit(
            "x.reshape(B, T, heads, W // heads).transpose(1, 2)",
            "x.reshape(B, T, W // heads, heads).permute(0, 3, 1, 2)",
            "A head's numbers are neighbours: the first head takes the first W / heads of a row, and so on.",
        ),
        Edit(
            "heads, W // heads",
            "W // heads, heads",
            "Cut each row into `heads` parts of W / heads numbers, not into parts of `heads` numbers.",
        ),
        Edit(".transpose(1, 2)", ".permute(2, 0, 1, 3)", "The batch stays in front: (B, heads, T, W / heads)."),
    ],
    look_at="which numbers of a row belong to which head",
    gradient_of=("x",),
)

# ---------------------------------------------------------------- 3


def join_heads_reference(x):
    B, heads, T, D = x.shape
    return x.transpose(1, 2).reshape(B, T, heads * D)


join_heads = Exercise(
    reference=join_heads_reference,
    cases=lambda g: [
        (halves(g, 1, 2, 2, 1),),
        (halves(g, 1, 2, 3, 2),),
        (halves(g, 2, 3, 2, 1),),
        (halves(g, 2, 2, 3, 4),),
        (halves(g, 3, 1, 2, 2),),
        (halves(g, 2, 4, 1, 3),),
    ],
    hints=[
        "It is the way back: the two steps of the splitting, in the opposite order.",
        "First exchange heads and places, then make the last two dimensions one.",
        "`x.transpose(1, 2).reshape(B, T, heads * D)`, or `.flatten(2)`. (`view` wants `.contiguous()` before it.)",
    ],
    mistakes=[
        Edit(
            "x.transpose(1, 2).reshape(B, T, heads * D)",
            "x.reshape(B, T, heads * D)",
            "The shape is right, but places are mixed: exchange heads and places first.",
        ),
        Edit(
            "x.transpose(1, 2).reshape(B, T, heads * D)",
            "x.permute(0, 2, 3, 1).reshape(B, T, heads * D)",
            "All numbers of the first head come first, then those of the second.",
        ),
        Edit(".reshape(B, T, heads * D)", "", "The heads are still apart: make the last two dimensions one."),
        Edit(
            "x.transpose(1, 2).reshape(B, T, heads * D)",
            "x.flatten(1, 2)",
            "The heads are put one below the other, (B, heads * T, D); they belong side by side.",
        ),
        Edit(
            "x.transpose(1, 2).reshape(B, T, heads * D)", "x.mean(1)", "The heads are put side by side, not averaged."
        ),
    ],
    look_at="which numbers are side by side in a row",
    gradient_of=("x",),
)

# ---------------------------------------------------------------- 4


def waves_reference(T, W):
    t = torch.arange(T)[:, None]
    speed = 10000 ** (-torch.arange(0, W, 2) / W)
    p = torch.zeros(T, W)
    p[:, 0::2] = (t * speed).sin()
    p[:, 1::2] = (t * speed).cos()
    return p


waves = Exercise(
    reference=waves_reference,
    cases=lambda g: [(3, 4), (1, 4), (2, 2), (5, 6), (12, 8), (40, 2), (7, 64)],
    hints=[
        "Two loops will do: over the places t, and over i from 0 to W/2 − 1. Column 2i is a sine, 2i + 1 a cosine.",
        "The speeds, one for each i: `10000 ** (-torch.arange(0, W, 2) / W)`; the exponent is 2i / W.",
        "`t[:, None] * speed` is (T, W/2); put its sine into `p[:, 0::2]` and its cosine into `p[:, 1::2]`.",
    ],
    mistakes=[
        Edit("torch.arange(T)", "torch.arange(1, T + 1)", "Places are counted from 0."),
        Edit("torch.arange(0, W, 2) / W", "torch.arange(W // 2) / W", "The exponent is 2i / W, not i / W."),
        Edit("torch.arange(0, W, 2) / W", "torch.arange(0, W, 2) / 2 / (W / 2 - 1 or 1)", "The exponent is 2i / W."),
        Edit(
            "(t * speed).cos()",
            "(t * 10000 ** (-torch.arange(1, W, 2) / W)).cos()",
            "Columns 2i and 2i + 1 have the same speed: 2i is in the exponent of both.",
        ),
        Edit("-torch", "+torch", "The speeds fall from column to column: t is *divided* by 10000^(2i/W)."),
        Edit(
            "torch.arange(0, W, 2) / W", "2 * torch.arange(0, W, 2) / W", "The exponent is doubled: i counts *pairs*."
        ),
        Edit(
            "return p",
            "return torch.cat([p[:, 0::2], p[:, 1::2]], dim=1)",
            "Sines and cosines take turns: column 0 is a sine, column 1 the cosine of the same speed.",
        ),
        Edit("return p", "return p.unflatten(1, (-1, 2)).flip(2).flatten(1)", "The sine comes first, in column 0."),
    ],
    look_at="how fast each pair of columns turns, and which of the two is the sine",
    tolerance=1e-4,
)

# ---------------------------------------------------------------- 5


def causal_mask_reference(T):
    return torch.arange(T)[:, None] >= torch.arange(T)


causal_mask = Exercise(
    reference=causal_mask_reference,
    cases=lambda g: [(3,), (1,), (2,), (6,), (17,)],
    hints=[
        "Write the table for T = 3 on paper: which places may place 0 look at, which place 2?",
        "All on and below the diagonal is allowed. `torch.tril` keeps that part of a matrix.",
        "`torch.ones(T, T, dtype=torch.bool).tril()`, or compare `torch.arange(T)[:, None]` with `torch.arange(T)`.",
    ],
    mistakes=[
        Edit(">=", ">", "A place may look at itself, too: the diagonal is allowed. (Place 0 has nothing else.)"),
        Edit(">= torch.arange(T)", ">= torch.arange(T) - 1", "One place too far: place t may not look at place t + 1."),
        Edit(
            ">=", "<=", "That looks ahead, not back. Rows are the places that look, columns those that are looked at."
        ),
        Edit(">=", "<", "That is what must *not* be seen: here True means that looking is allowed."),
        Edit(
            "torch.arange(T)[:, None] >= torch.arange(T)",
            "torch.ones(T, T).tril()",
            "The mask is bool: True and False.",
        ),
        Edit(
            "torch.arange(T)[:, None] >= torch.arange(T)",
            "torch.full((T, T), -torch.inf).triu(1)",
            "That is the mask as something to add to scores; here it is bool: True where looking is allowed.",
        ),
    ],
    look_at="the diagonal, and on which side of it looking is allowed",
)

# ---------------------------------------------------------------- 6


def greedy_reference(next_logits, end, most):
    said = []
    while len(said) < most:
        symbol = int(next_logits(said).argmax())
        if symbol == end:
            break
        said.append(symbol)
    return said


def _saying(*script, of, best=0.75):
    """Return a `next_logits` for `of` symbols: what comes next in the script scores `best`, all others less."""

    def next_logits(said):
        at = len(said) if list(said) == list(script[: len(said)]) else -1  # off the script: its last
        logits = best - torch.linspace(0.5, 2, of).roll(len(said))
        logits[script[min(at, len(script) - 1)]] = best
        return logits

    next_logits.__name__ = f"saying({', '.join(map(str, script))})"  # for the feedback
    return next_logits


greedy = Exercise(
    reference=greedy_reference,
    cases=lambda g: [
        (_saying(2, 1, 3, of=4), 3, 5),
        (_saying(1, 1, 0, of=3, best=-3), 0, 9),
        (_saying(4, 2, of=5, best=8), 4, 3),
        (_saying(2, 0, 3, 1, of=4, best=-300), 3, 4),
        (_saying(0, 2, 2, 1, 3, 1, 4, 0, of=6, best=300), 5, 7),
        (_saying(3, 1, 0, 2, of=4, best=-2000), 2, 3),
        (_saying(1, 2, of=4, best=2000), 0, 1),
        (_saying(2, 1, of=3), 0, 12),
        (_saying(5, 299, 290, of=300), 290, 8),
    ],
    hints=[
        "Begin with an empty list, and go on until one of two things happens.",
        "At each step: ask for the scores of what has been said so far, take the place of the largest.",
        "`symbol = int(next_logits(said).argmax())`; stop before you append it if it is `end`.",
    ],
    mistakes=[
        Edit(
            "if symbol == end:\n            break\n        said.append(symbol)",
            "said.append(symbol)\n        if symbol == end:\n            break",
            "The end is not part of the result: ask before you append.",
        ),
        Edit("next_logits(said)", "next_logits([])", "Give `next_logits` what was said so far, each time anew."),
        Edit(
            "next_logits(said)",
            "next_logits(said[-1:])",
            "`next_logits` takes *all* that was said, not the last alone.",
        ),
        Edit("len(said) < most", "len(said) <= most", "That says one symbol too many: at most `most`."),
        Edit("len(said) < most", "len(said) < most - 1", "That stops too early: up to `most` symbols may be said."),
        Edit("len(said) < most", "len(said) < 100", "There is a limit: at most `most` symbols, end or no end."),
        Edit(
            "int(next_logits(said).argmax())",
            "next_logits(said).max().item()",
            "That is the largest *score*; the symbol is the place where it is, `argmax`.",
        ),
        Edit("if symbol == end:", "if symbol == 0:", "It stops at `end`, whichever number that is."),
    ],
    look_at="which symbol is taken (all scores may be negative), what is given to `next_logits`, and when it stops",
)

# ---------------------------------------------------------------- 7


def hide_reference(rows, chosen, blank):
    hidden = torch.where(chosen & (rows != 0), blank, rows)
    targets = torch.where(chosen & (rows != 0), rows, 0)
    return hidden, targets


hide = Exercise(
    reference=hide_reference,
    cases=lambda g: [
        (torch.tensor([[3, 1, 2, 0]]), torch.tensor([[True, False, True, True]]), 9),
        (torch.tensor([[2, 2, 5], [1, 4, 0]]), torch.tensor([[False, True, True], [True, True, True]]), 6),
        (torch.tensor([[4, 1]]), torch.tensor([[False, False]]), 5),
        (
            torch.tensor([[7, 2, 0, 0], [4, 8, 4, 6], [5, 0, 0, 0]]),
            torch.tensor([[False, True, True, False], [True, False, False, True], [True, False, False, True]]),
            10,
        ),
        (torch.tensor([[9, 6], [8, 3]]), torch.tensor([[True, False], [False, True]]), 2),
        (
            torch.randint(1, 30, (4, 8), generator=g) * (torch.arange(8) < torch.tensor([[5], [8], [1], [7]])),
            torch.rand(4, 8, generator=g) < 0.4,
            31,
        ),
    ],
    hints=[
        "Two tables of one shape come out. Where there is a letter, one of them holds it, the other 0 or the blank.",
        "A place is hidden if it is chosen *and* there is a letter: 0 is not one.",
        "`torch.where(condition, a, b)` takes a where the condition is True, b elsewhere; use it twice.",
    ],
    mistakes=[
        Edit(" & (rows != 0)", "", "Where `rows` is 0 the name has ended: there is nothing to hide."),
        Edit("(rows != 0)", "rows != 0", "`&` comes before `!=`: write `chosen & (rows != 0)`, with the brackets."),
        Edit("rows, 0)", "rows, rows)", "Only hidden letters are guessed: the targets are 0 everywhere else."),
        Edit(
            "rows, 0)",
            "blank, 0)",
            "The targets are the letters that were hidden; take them before the blank is there.",
        ),
        Edit("rows, 0)", "rows, -100)", "Where nothing is to be guessed the target is 0 here, not −100."),
        Edit("blank, rows)", "0, rows)", "A hidden letter is replaced by `blank`; 0 means that nothing is there."),
        Edit("return hidden, targets", "return targets, hidden", "Return the hidden rows first, then the targets."),
        Edit("chosen & (", "~chosen & (", "`chosen` says what to hide, not what to keep."),
    ],
    look_at="which places are hidden, and what the targets are where nothing is hidden",
)
