"""The exercises of notebook 04, Attend with transformers."""

import math

import torch

from course_utils.exercise import Edit, Exercise, Mistake
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
        (torch.tensor([[900.0, 0.5], [0.0, -900.0]]), quarters(g, 3, 2), quarters(g, 3, 2)),
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
        Edit("math.sqrt(q.shape[-1])", "math.sqrt(v.shape[-1])", "d is the length of a query, not that of a value."),
        Edit(
            "dim=-1",
            "dim=-2",
            "The shares of one *query*, over all keys, add up to 1: softmax over the last dimension.",
        ),
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
        (halves(g, 1, 2, 4), 2),
        (halves(g, 1, 3, 4), 4),
        (halves(g, 2, 2, 6), 2),
        (halves(g, 2, 3, 6), 3),
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
            "Each head takes neighbouring numbers, in order, not every so-manyth.",
        ),
        Edit(".transpose(1, 2)", ".permute(2, 0, 1, 3)", "The batch stays in front: (B, heads, T, W / heads)."),
    ],
    look_at="which numbers of a row belong to which head",
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
            "x.transpose(1, 2).reshape(B, T, heads * D)", "x.mean(1)", "The heads are put side by side, not averaged."
        ),
    ],
    look_at="which numbers stand side by side in a row",
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
    cases=lambda g: [(2, 2), (1, 4), (3, 4), (5, 6), (12, 8), (40, 2), (7, 64)],
    hints=[
        "Two loops will do: over the places t, and over i from 0 to W/2 − 1. Column 2i is a sine, 2i + 1 a cosine.",
        "The speeds, one for each i: `10000 ** (-torch.arange(0, W, 2) / W)`; the exponent is 2i / W.",
        "`t[:, None] * speed` is (T, W/2); put its sine into `p[:, 0::2]` and its cosine into `p[:, 1::2]`.",
    ],
    mistakes=[
        Edit("torch.arange(T)", "torch.arange(1, T + 1)", "Places are counted from 0."),
        Edit("torch.arange(0, W, 2) / W", "torch.arange(W // 2) / W", "The exponent is 2i / W, not i / W."),
        Edit("torch.arange(0, W, 2) / W", "torch.arange(0, W, 2) / 2 / (W / 2 - 1 or 1)", "The exponent is 2i / W."),
        Edit("-torch", "+torch", "The speeds fall from column to column: t is *divided* by 10000^(2i/W)."),
        Edit("10000", "1000", "The base is 10000."),
        Mistake(
            lambda T, W: torch.cat([waves_reference(T, W)[:, 0::2], waves_reference(T, W)[:, 1::2]], dim=1),
            "Sines and cosines take turns: column 0 is a sine, column 1 the cosine of the same speed.",
        ),
        Mistake(
            lambda T, W: waves_reference(T, W).unflatten(1, (-1, 2)).flip(2).flatten(1),
            "The sine comes first, in column 0.",
        ),
    ],
    look_at="how fast each pair of columns turns, and which of the two is the sine",
    tolerance=1e-4,
)

# ---------------------------------------------------------------- 5


def causal_mask_reference(T):
    return torch.arange(T)[:, None] >= torch.arange(T)


causal_mask = Exercise(
    reference=causal_mask_reference,
    cases=lambda g: [(2,), (1,), (3,), (6,), (17,)],
    hints=[
        "Write the table for T = 3 on paper: which places may place 0 look at, which place 2?",
        "All on and below the diagonal is allowed. `torch.tril` keeps that part of a matrix.",
        "`torch.ones(T, T, dtype=torch.bool).tril()`, or compare `torch.arange(T)[:, None]` with `torch.arange(T)`.",
    ],
    mistakes=[
        Edit(">=", ">", "A place may look at itself, too: the diagonal is allowed. (Place 0 has nothing else.)"),
        Edit(">=", "<=", "That looks ahead only. Rows are the places that look, columns those that are looked at."),
        Edit(">=", "<", "That is what must *not* be seen: here True means that looking is allowed."),
        Edit(
            "torch.arange(T)[:, None] >= torch.arange(T)",
            "torch.ones(T, T).tril()",
            "The mask is bool: True and False.",
        ),
        Mistake(
            lambda T: torch.zeros(T, T).masked_fill(~causal_mask_reference(T), -math.inf),
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


class Script:
    """Logits that depend on what was said: the best next symbol after `said` is the script's, else its last."""

    def __init__(self, *script: int, of: int):
        self.script, self.of = script, of

    def __call__(self, said: list[int]) -> torch.Tensor:
        said = [int(symbol) for symbol in said]
        at = len(said) if said == list(self.script[: len(said)]) else -1
        logits = torch.linspace(-1.5, -0.5, self.of)
        logits[self.script[min(at, len(self.script) - 1)]] = 2.25
        return logits

    def __deepcopy__(self, memo):
        return Script(*self.script, of=self.of)


greedy = Exercise(
    reference=greedy_reference,
    cases=lambda g: [
        (Script(2, 1, 3, of=4), 3, 5),
        (Script(1, 1, 0, of=3), 0, 9),
        (Script(4, of=5), 4, 3),
        (Script(2, 0, 2, 1, 1, 1, of=3), 2, 4),
        (Script(0, 2, 2, 1, 3, of=6), 5, 4),
        (Script(3, 1, 0, 2, of=4), 2, 3),
        (Script(1, 2, of=4), 2, 1),
    ],
    hints=[
        "Begin with an empty list, and go on until one of two things happens.",
        "At each step: ask for the scores of what has been said so far, take the place of the largest.",
        "`symbol = int(next_logits(said).argmax())`; stop before you append it if it is `end`.",
    ],
    mistakes=[
        Mistake(
            lambda next_logits, end, most: [*(said := greedy_reference(next_logits, end, most)), end][
                : len(said) + (len(said) < most)
            ],
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
        Edit("argmax", "argmin", "Take the place of the *largest* score."),
        Edit("if symbol == end:", "if symbol == 0:", "It stops at `end`, whichever number that is."),
    ],
    look_at="what is given to `next_logits`, and when it stops",
)
