"""The exercises of notebook 03, Remember with recurrent networks."""

import math

import torch

from course_utils.exercise import Edit, Exercise, Mistake
from course_utils.exercises.cases import quarters

# ---------------------------------------------------------------- 1


def rnn_step_reference(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


def _rows_as_steps(x, h, W_x, W_h, b):
    for row in x:
        h = torch.tanh(row @ W_x.T + h @ W_h.T + b)
    return h


def _rnn_case(g, B, D, H):
    return tuple(quarters(g, *shape) for shape in ((B, D), (B, H), (H, D), (H, H), (H,)))


rnn_step = Exercise(
    reference=rnn_step_reference,
    cases=lambda g: [_rnn_case(g, *size) for size in ((1, 2, 2), (3, 1, 1), (2, 1, 2), (4, 3, 3), (2, 5, 4))],
    hints=[
        "Three things are added up: what the input says, what the state says, the bias. Then tanh of it all.",
        "A row of W_x holds the weights of one unit; a row of x is one sequence. With x on the left of the product, "
        "the units must be the columns of what is on its right.",
        "The input's share is `x @ W_x.T`, (B, H). The state's is made in the same way.",
    ],
    mistakes=[
        Edit("torch.tanh(", "(", "The tanh is missing: the new state is the *tanh* of that sum."),
        Edit(" + h @ W_h.T", "", "The old state is ignored: `h @ W_h.T` belongs in the sum."),
        Edit(" + b", "", "The bias is missing."),
        Edit("W_h.T", "W_h", "W_h must be transposed like W_x: each of its *rows* belongs to one new unit."),
        Edit("h @ W_h.T", "h", "The old state must be multiplied by W_h as well."),
        Edit(
            "h @ W_h.T + b)",
            "b) + h @ W_h.T",
            "Put the state's share inside the tanh; outside it nothing keeps the state within −1 and 1.",
        ),
        Edit(
            "torch.tanh",
            "torch.sigmoid",
            "That is the sigmoid, between 0 and 1; the cell bends with tanh, between −1 and 1.",
        ),
        Mistake(
            _rows_as_steps,
            "The rows of x are different sequences at the same moment, not steps of one: no loop is needed.",
        ),
    ],
    look_at="the three terms inside the tanh: which matrix each one takes, and whether it is transposed",
    like="h",
)

# ---------------------------------------------------------------- 2


def clip_reference(gradients, most):
    squares = sum((g.double() ** 2).sum().item() for g in gradients)  # float32 cannot hold the square of 1e20
    length = math.sqrt(squares)
    if length <= most:
        return gradients
    return [g * (most / length) for g in gradients]


clip = Exercise(
    reference=clip_reference,
    cases=lambda g: [
        ([torch.tensor([3.0]), torch.tensor([4.0])], 1.0),
        ([torch.tensor([0.3, -0.4]), torch.zeros(2, 2)], 1.0),
        ([torch.tensor([-2.0, 1.0]), torch.tensor([[2.0]])], 2.9),
        ([torch.tensor([-2.0, 1.0]), torch.tensor([[2.0]])], 3.1),
        ([quarters(g, 2, 3)], 1.25),
        ([torch.tensor([0.5, -0.5])], 0.75),
        ([torch.tensor(-1.5), quarters(g, 2), quarters(g, 1, 3, 2)], 2.0),
        ([torch.tensor([0.3]), torch.tensor([[-0.4]]), torch.tensor(0.0)], 0.4),
        ([torch.tensor([[3000.0, -4000.0]]), torch.tensor([12000.0])], 6.5),
        ([torch.zeros(3), torch.zeros(1, 2)], 2.0),
    ],
    hints=[
        "One length for all of them together: the root of the sum of all squares, over every tensor.",
        "If that length is more than `most`, multiply every tensor by one and the same factor. Which factor turns this "
        "length into `most`?",
        "The factor is most / length. If the length is not more than `most`, return the gradients as they are. (They "
        "may all be 0: do not divide by a length of 0.)",
    ],
    mistakes=[
        Mistake(
            lambda gradients, most: [g * (most / g.norm().item()) if g.norm() > most else g for g in gradients],
            "Each tensor is clipped by itself, which turns the direction: measure one length over all of them.",
        ),
        Mistake(
            lambda gradients, most: [g.clamp(-most, most) for g in gradients],
            "Every number is cut off by itself, which turns the direction: shorten all by one common factor.",
        ),
        Mistake(
            lambda gradients, most: [
                g * (most / (torch.cat([x.flatten() for x in gradients]).norm() or 1.0)) for g in gradients
            ],
            "Gradients that are short enough must stay as they are; this makes them longer.",
        ),
        Edit("math.sqrt(squares)", "squares", "That measures the *squared* length: take the root."),
        Edit(
            "math.sqrt(squares)",
            "sum(g.norm().item() for g in gradients)",
            "The lengths of several tensors do not add up; their squares do. Add the squares, then take the root.",
        ),
        Edit("most / length", "1 / length", "A long gradient is shortened to the length `most`, not to 1."),
        Edit(
            "[g * (most / length) for g in gradients]",
            "gradients",
            "The gradients come back as they were. `g = …` in a loop changes no list: collect the new tensors in one.",
        ),
    ],
    look_at="the length of all tensors together, and the one factor by which all are multiplied",
)

# ---------------------------------------------------------------- 3


def lstm_step_reference(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _lstm_case(g, B, D, H, memory=1):
    x, h, c, W_x, W_h, b = (quarters(g, *s) for s in ((B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,)))
    return x, h, memory * c, W_x, W_h, b


lstm_step = Exercise(
    reference=lstm_step_reference,
    cases=lambda g: [
        _lstm_case(g, 1, 1, 1),
        _lstm_case(g, 2, 1, 1, memory=12),  # memories may grow
        _lstm_case(g, 1, 2, 2),
        _lstm_case(g, 4, 3, 3),
        _lstm_case(g, 2, 4, 3),
    ],
    hints=[
        "The sum of exercise 1 gives all four at once, side by side in each row. Cut it, (B, 4H), into four parts.",
        "The gates i, f and o go through a sigmoid, the candidate g through tanh.",
        "`(x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)` is i, f, g, o. Then new c = f · old c + i · g, and "
        "new h = o · tanh(new c). Return h first, then c.",
    ],
    mistakes=[
        Edit(
            "i, f, g, o",
            "f, i, g, o",
            "i and f have changed places: i is the first quarter and lets in g, f the second and keeps the old c.",
        ),
        Edit("i, f, g, o", "i, f, o, g", "The third quarter is the candidate g, the fourth the output gate o."),
        Edit(
            "g.tanh()", "g.sigmoid()", "The candidate g goes through tanh: it must be able to write negative numbers."
        ),
        Edit(".sigmoid()", "", "Gates go through a sigmoid, so that they are open from 0 to 1."),
        Edit("f.sigmoid() * c", "c", "The forget gate is missing: the new memory is f · c + i · g."),
        Edit("c.tanh()", "c", "The state shows the *tanh* of the memory: h = o · tanh(c)."),
        Edit(
            "c = f.sigmoid() * c + i.sigmoid() * g.tanh()\n    return o.sigmoid() * c.tanh(), c",
            "return o.sigmoid() * c.tanh(), f.sigmoid() * c + i.sigmoid() * g.tanh()",
            "The output gate shows the *new* memory, not the old one.",
        ),
        Edit("o.sigmoid() * c.tanh(), c", "c, o.sigmoid() * c.tanh()", "Return the state h first, then the memory c."),
    ],
    look_at="each line beside its equation: which columns a gate is made from, what c keeps, what h shows",
)

# ---------------------------------------------------------------- 4


def bits_per_letter_reference(logits, targets):
    log_p = logits.log_softmax(dim=1)[torch.arange(len(targets)), targets]
    return -log_p.mean().item() / math.log(2)


bits_per_letter = Exercise(
    reference=bits_per_letter_reference,
    cases=lambda g: [
        (torch.zeros(1, 2), torch.tensor([1])),
        (quarters(g, 3, 4), torch.tensor([3, 0, 1])),
        (quarters(g, 5, 3), torch.tensor([2, 0, 2, 2, 1])),
        (quarters(g, 2, 6), torch.tensor([4, 4])),
        (torch.tensor([[-200.0, 0.0, 800.0]]), torch.tensor([0])),
        (torch.tensor([[2000.0, -2000.0, -2000.0]]), torch.tensor([1])),
        (torch.tensor([[-1000.0, -1002.0, -1001.0]]), torch.tensor([1])),
        (torch.tensor([[2000.0, 2000.0, 2000.0, 2000.0]]), torch.tensor([2])),
        (torch.tensor([[0.5, -1.0, 2.0], [-999.0, -1000.0, -1002.0], [0.0, 1500.0, 1499.0]]), torch.tensor([0, 1, 2])),
    ],
    hints=[
        "The probability that was given to each letter that came: softmax over a row, then the entry `targets` names.",
        "A letter of probability p costs log2(1 / p) = −ln(p) / ln(2) bits. Take the mean over the letters.",
        "`logits.log_softmax(dim=1)` gives ln(p) without ever computing a p of 0; `[torch.arange(N), targets]` takes "
        "one entry from each row.",
    ],
    mistakes=[
        Edit(" / math.log(2)", "", "Those are nats, made with the natural logarithm: divide by ln(2)."),
        Edit("/ math", "* math", "Divide by ln(2) to get from nats to bits, do not multiply."),
        Edit(".mean()", ".sum()", "That is the sum: bits *per letter* are the mean."),
        Edit("-log_p", "log_p", "The sign: less likely letters cost more."),
        Edit("dim=1", "dim=0", "The probabilities of one *row* add up to 1: softmax over dim=1."),
        Edit(
            "[torch.arange(len(targets)), targets]",
            "[:, targets]",
            "`[:, targets]` takes every target from every row. Pair them: `[torch.arange(N), targets]`.",
        ),
        Edit(
            "log_softmax(dim=1)",
            "softmax(dim=1).log()",
            "The formula is right, but a very small probability is rounded to 0, and so its cost is infinite: use "
            "`log_softmax`.",
        ),
        Edit(
            "log_softmax(dim=1)",
            "softmax(dim=1).log_softmax(dim=1)",
            "`cross_entropy` and `log_softmax` take the logits; they do the softmax themselves.",
        ),
    ],
    look_at="whose probability counts, in which unit, and what becomes of very small probabilities",
    tolerance=1e-4,  # float32 at 2000 is no finer
)

# ---------------------------------------------------------------- 5


def pick_reference(logits, temperature, u):
    ends = (logits.double() / temperature).softmax(dim=0).cumsum(dim=0)
    return (ends / ends[-1] <= u).sum().item()  # the last end is exactly 1 now, whatever was rounded


pick = Exercise(
    reference=pick_reference,
    cases=lambda g: [
        *[(torch.zeros(4), t, u) for t, u in ((1.0, 0.6), (2.0, 0.0), (3.0, 0.25), (0.5, 0.75), (1.0, 0.99))],
        (torch.zeros(2), 0.7, 0.5),
        (torch.tensor([5.0]), 2.0, 0.4),
        *[
            (torch.tensor([0.75, 2.5, 1.25, -0.5]), t, u)
            for t, u in ((0.3, 0.95), (0.3, 0.996), (0.7, 0.09), (1.0, 0.0), (1.0, 0.804), (2.0, 0.25), (5.0, 0.9))
        ],
        *[
            (torch.tensor([-1.0, 0.25, 2.0, 1.5, -2.5, 0.5]), t, u)
            for t, u in ((0.5, 0.001), (0.5, 0.7), (0.5, 0.98), (3.0, 0.05), (3.0, 0.75), (3.0, 0.97))
        ],
        (torch.tensor([-1000.0, -1002.0, -1001.0]), 1.0, 0.9),
        (torch.tensor([2000.0, 2000.0, 2000.0, 2000.0]), 1.0, 0.6),
        (torch.tensor([1900.0, 1902.0, 1901.0]), 1.0, 0.7),
        (torch.tensor([-2000.0, 2000.0, -2000.0, 2000.0, -2000.0]), 2.0, 0.7),
        (torch.tensor([8.02, 8.01, 8.0]), 0.01, 0.7),
        (torch.tensor([1600.0, 1200.0, 2000.0]), 400.0, 0.3),
    ],
    hints=[
        "First the probabilities: the temperature divides the logits, and softmax comes after that.",
        "Lay them end to end from 0 to 1: `cumsum` gives the place where each stretch ends. Which ends has u passed?",
        "The symbol's index is the number of stretches that end at or before u: `(ends <= u).sum().item()`.",
    ],
    mistakes=[
        Edit(" / temp", " * temp", "*Divide* by the temperature: a low one must make differences larger."),
        Edit(" / temperature", "", "The temperature has no effect here: divide the logits by it, *before* softmax."),
        Edit(
            "(ends / ends[-1] <= u).sum()",
            "logits.argmax()",
            "That is always the likeliest symbol: u decides which one is drawn.",
        ),
        Edit(
            "<= u", "< u", "On a border u belongs to the second symbol: count the stretches that end *at* or before u."
        ),
        Edit("sum()", "sum().sub(1)", "One too early: with u = 0 it is the first symbol, 0, that is drawn."),
        Edit(
            "sum()",
            "sum().add(1)",
            "One too late: symbols count from 0, and where u is below the first probability symbol 0 is drawn.",
        ),
        Mistake(
            lambda logits, temperature, u: next(
                (i for i, p in enumerate((logits / temperature).softmax(dim=0)) if u < p), None
            ),
            "Add the probabilities up as you go, and compare u with the sum.",
        ),
        Edit(
            ".double() / temperature).softmax(dim=0)",
            " / temperature).exp()",
            "The formula is right, but exp of 1000 is infinite, and exp of −1000 is 0: `softmax` avoids both.",
        ),
    ],
    look_at="where the stretch of each symbol ends, and which of these ends are at or below u",
)

# ---------------------------------------------------------------- 6


def edit_distance_reference(a, b):
    D = [[i + j for j in range(len(b) + 1)] for i in range(len(a) + 1)]  # right along the edges: all in, or all out
    for i in range(len(a)):
        for j in range(len(b)):
            replaced = D[i][j] + (a[i] != b[j])
            D[i + 1][j + 1] = min(replaced, D[i][j + 1] + 1, D[i + 1][j] + 1)
    return D[-1][-1]


edit_distance = Exercise(
    reference=edit_distance_reference,
    cases=lambda g: [
        *[("knight", "night"), ("kitten", "sitting"), ("", "nothing"), ("ab", ""), ("", "")],
        *[("night", "thing"), ("flaw", "lawn"), ("ab", "ba"), ("same", "same"), ("aaab", "ab"), ("Ab", "ab")],
        *[("abcdef", "bcdefa"), ("bcdefa", "abcdef"), ("wandering", "ring"), ("ring", "wandering"), ("a b", "ab")],
        *[
            tuple(map(str.split, ("N AY T", "K N AY G T"))),
            (["AY", "T"], ["A", "Y", "T"]),
            ([], ["N", "OW"]),
            (["OW"], []),
        ],
    ],
    hints=[
        "Fill a table: entry (i, j) is the distance from the first i symbols of a to the first j of b.",
        "Its edges are easy: from nothing to j symbols takes j insertions, from i symbols to nothing i deletions.",
        "Every other entry is the least of three: above it + 1, left of it + 1, and diagonally above it + 0 if the two "
        "symbols are the same, else + 1.",
    ],
    mistakes=[
        Mistake(
            lambda a, b: sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b)),
            "That compares place by place; after one missing letter everything after it looks wrong.",
        ),
        Edit(
            "+ (a[i]",
            "+ 2 * (a[i]",
            "A symbol may also be *replaced*, and that costs 1, not 2 as if it were taken out and put in.",
        ),
        Edit(", D[i + 1][j] + 1)", ")", "Insertions count 1 as well: look to the left in the table."),
        Edit(" D[i][j + 1] + 1,", "", "Deletions count 1 as well: look above in the table."),
        Edit("[i + j for", "[0 for", "The edges are not 0: from nothing to j symbols takes j insertions."),
        Edit("(a[i] != b[j])", "1", "Where both symbols are the same, the diagonal costs nothing."),
        Edit(
            "D[i][j + 1] + 1, D[i + 1][j] + 1)",
            "D[i][j + 1] + (a[i] != b[j]), D[i + 1][j] + (a[i] != b[j]))",
            "An insertion or deletion costs 1 even where the two symbols are the same.",
        ),
    ],
    look_at="the three neighbours that an entry is made from, and the edges of the table",
)
