"""The exercises of notebook 03, Remember with recurrent networks."""

import math

import torch

from course_utils.exercise import Exercise, Mistake
from course_utils.exercises.convolutions import halves

# ---------------------------------------------------------------- 1


def rnn_step_reference(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


def _rnn_linear(x, h, W_x, W_h, b):
    return x @ W_x.T + h @ W_h.T + b


rnn_step = Exercise(
    reference=rnn_step_reference,
    notebook="03",
    name="rnn_step",
    title="1, one step",
    minutes=6,
    difficulty=1,
    cases=lambda g: [
        tuple(halves(g, *shape) / 4 for shape in shapes)
        for shapes in [
            [(1, 2), (1, 3), (3, 2), (3, 3), (3,)],
            [(4, 3), (4, 3), (3, 3), (3, 3), (3,)],
            [(2, 5), (2, 4), (4, 5), (4, 4), (4,)],
        ]
    ],
    hints=[
        "A row of W_x holds the weights of one hidden unit, so a batch is multiplied by its transpose: `x @ W_x.T`.",
        "Three things are added up: what the input says, what the state says, the bias. Then tanh of it all.",
    ],
    mistakes=[
        Mistake(_rnn_linear, "The bend is missing: the new state is the *tanh* of that sum."),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b) + 0 * h,
            "The old state is ignored: `h @ W_h.T` belongs into the sum.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(h @ W_h.T + b),
            "The input is ignored: `x @ W_x.T` belongs into the sum.",
        ),
        Mistake(lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T), "The bias is missing."),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h + b),
            "W_h must be transposed like W_x: each of its *rows* belongs to one new unit.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b) + h @ W_h.T,
            "Put the state's share inside the tanh; outside it nothing keeps the state within −1 and 1.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.sigmoid(_rnn_linear(x, h, W_x, W_h, b)),
            "That is the sigmoid, between 0 and 1; the cell bends with tanh, between −1 and 1.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.relu(_rnn_linear(x, h, W_x, W_h, b)),
            "That is ReLU; this cell bends with tanh.",
        ),
    ],
    look_at="what is added up before the tanh",
)

# ---------------------------------------------------------------- 2


def clip_reference(gradients, most):
    total = math.sqrt(sum((g**2).sum().item() for g in gradients))
    scale = min(1.0, most / total) if total > 0 else 1.0
    return [scale * g for g in gradients]


def _norm(gradients):
    return math.sqrt(sum((g**2).sum().item() for g in gradients))


clip = Exercise(
    reference=clip_reference,
    notebook="03",
    name="clip",
    title="2, clip the gradient",
    minutes=8,
    difficulty=2,
    cases=lambda g: [
        ([torch.tensor([3.0]), torch.tensor([4.0])], 1.0),
        ([torch.tensor([0.3, -0.4]), torch.zeros(2, 2)], 1.0),
        ([halves(g, 2, 3), halves(g, 3)], 2.5),
        ([torch.tensor([[6.0, -2.0]]), torch.tensor([3.0])], 7.0),
        ([torch.tensor([0.6, 0.2]), torch.tensor([-0.5])], 1.5),
        ([torch.zeros(3), torch.zeros(2)], 1.0),
    ],
    hints=[
        "One length for all of them together: the root of the sum of all squares, over every tensor.",
        "If that length is more than `most`, multiply every tensor by most / length; if not, leave them as they are.",
        "All gradients may be 0: do not divide by a length of 0.",
    ],
    mistakes=[
        Mistake(
            lambda gradients, most: [g * min(1.0, most / max(g.norm().item(), 1e-12)) for g in gradients],
            "Each tensor is clipped by itself, which turns the direction: measure one length over all of them.",
        ),
        Mistake(
            lambda gradients, most: [g.clamp(-most, most) for g in gradients],
            "Every number is cut off by itself, which turns the direction: shorten all by one common factor.",
        ),
        Mistake(
            lambda gradients, most: [g * (most / max(_norm(gradients), 1e-12)) for g in gradients],
            "Gradients that are short enough must stay as they are; this makes them longer.",
        ),
        Mistake(
            lambda gradients, most: [g * min(1.0, most / max(_norm(gradients) ** 2, 1e-12)) for g in gradients],
            "That divides by the *squared* length: take the root.",
        ),
        Mistake(
            lambda gradients, most: [
                g * min(1.0, most / max(sum(g.norm().item() for g in gradients), 1e-12)) for g in gradients
            ],
            "The lengths of several tensors do not add up; their squares do. Add the squares, then take the root.",
        ),
        Mistake(
            lambda gradients, most: [
                g * min(1.0, most / max(max(g.abs().max().item() for g in gradients), 1e-12)) for g in gradients
            ],
            "That measures the largest number; the length is the root of the sum of all squares.",
        ),
        Mistake(
            lambda gradients, most: [g.clone() if _norm(gradients) <= most else 0 * g for g in gradients],
            "A long gradient must be shortened, not thrown away: its direction is still good.",
        ),
        Mistake(
            lambda gradients, most: [g / _norm(gradients) if _norm(gradients) > most else g.clone() for g in gradients],
            "A long gradient is brought to the length `most`, not to 1.",
        ),
        Mistake(
            lambda gradients, most: [g * min(1.0, most / _norm(gradients)) for g in gradients],
            "Where every gradient is 0, the length is 0 too, and nothing can be divided by it.",
        ),
    ],
    look_at="the common length, and by what everything is multiplied",
)

# ---------------------------------------------------------------- 3


def lstm_step_reference(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _lstm(order="ifgo", bend_g=torch.tanh, bend_c=torch.tanh, old=False, gate=torch.sigmoid, swap=False, forget=True):
    """Return an LSTM step with something changed."""

    def step(x, h, c, W_x, W_h, b):
        parts = dict(zip(order, (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1), strict=True))
        f = gate(parts["f"]) if forget else 1.0
        new = f * c + gate(parts["i"]) * bend_g(parts["g"])
        out = gate(parts["o"]) * bend_c(c if old else new)
        return (new, out) if swap else (out, new)

    return step


def _coupled(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + (1 - f.sigmoid()) * g.tanh() + 0 * i
    return o.sigmoid() * c.tanh(), c


def _state_for_memory(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    new = f.sigmoid() * h + i.sigmoid() * g.tanh() + 0 * c
    return o.sigmoid() * new.tanh(), new


lstm_step = Exercise(
    reference=lstm_step_reference,
    notebook="03",
    name="lstm_step",
    title="3, one step of an LSTM",
    minutes=12,
    difficulty=2,
    cases=lambda g: [
        tuple(halves(g, *shape) / 3 for shape in shapes)
        for shapes in [
            [(1, 2), (1, 1), (1, 1), (4, 2), (4, 1), (4,)],
            [(3, 2), (3, 3), (3, 3), (12, 2), (12, 3), (12,)],
            [(2, 4), (2, 2), (2, 2), (8, 4), (8, 2), (8,)],
        ]
    ],
    hints=[
        "One matrix product gives all four: `(x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)`, in the order i, f, g, o.",
        "The gates i, f and o go through a sigmoid, the candidate g through tanh.",
        "New c = f · old c + i · g. New h = o · tanh(new c). Return h first, then c.",
    ],
    mistakes=[
        Mistake(_lstm(order="figo"), "The input gate comes first, then the forget gate: the order is i, f, g, o."),
        Mistake(_lstm(order="ifog"), "The third quarter is the candidate g, the fourth the output gate o."),
        Mistake(
            _lstm(bend_g=torch.sigmoid), "The candidate g goes through tanh: it must be able to write negative numbers."
        ),
        Mistake(_lstm(bend_g=lambda g: g), "The candidate g goes through tanh."),
        Mistake(_lstm(bend_c=lambda c: c), "The state shows the *tanh* of the memory: h = o · tanh(c)."),
        Mistake(_lstm(old=True), "The output gate shows the *new* memory, not the old one."),
        Mistake(_lstm(gate=torch.tanh), "Gates are open from 0 to 1: they go through a sigmoid."),
        Mistake(_lstm(gate=lambda x: x), "Gates go through a sigmoid, so that they are open from 0 to 1."),
        Mistake(_lstm(swap=True), "Return the state h first, then the memory c."),
        Mistake(_lstm(forget=False), "The forget gate is missing: the new memory is f · c + i · g."),
        Mistake(_coupled, "The input gate is a gate of its own, not 1 − f."),
        Mistake(_state_for_memory, "The forget gate keeps the old *memory* c, not the old state h."),
    ],
    look_at="which quarter is which gate, and what is kept in c",
)

# ---------------------------------------------------------------- 4


def bits_per_letter_reference(logits, targets):
    log_p = logits.log_softmax(dim=1)[torch.arange(len(targets)), targets]
    return -log_p.mean().item() / math.log(2)


def _of_targets(table, targets):
    return table[torch.arange(len(targets)), targets]


bits_per_letter = Exercise(
    reference=bits_per_letter_reference,
    notebook="03",
    name="bits_per_letter",
    title="4, bits per letter",
    minutes=8,
    difficulty=2,
    cases=lambda g: [
        (torch.zeros(1, 2), torch.tensor([1])),
        (torch.zeros(3, 8), torch.tensor([0, 7, 3])),
        (halves(g, 5, 4), torch.randint(0, 4, (5,), generator=g)),
        (halves(g, 3, 6), torch.randint(0, 6, (3,), generator=g)),
        (torch.tensor([[100.0, -200.0, 0.0]]), torch.tensor([1])),
    ],
    hints=[
        "The probability that was given to each letter that came: softmax over a row, then the entry `targets` names.",
        "A letter of probability p costs log2(1 / p) = −ln(p) / ln(2) bits. Take the mean over the letters.",
        "`logits.log_softmax(dim=1)` gives ln(p) without ever computing a p of 0.",
    ],
    mistakes=[
        Mistake(
            lambda logits, targets: bits_per_letter_reference(logits, targets) * math.log(2),
            "Those are nats, made with the natural logarithm: divide by ln(2).",
        ),
        Mistake(
            lambda logits, targets: bits_per_letter_reference(logits, targets) * len(targets),
            "That is the sum: bits *per letter* are the mean.",
        ),
        Mistake(
            lambda logits, targets: -bits_per_letter_reference(logits, targets),
            "The sign: less likely letters cost more.",
        ),
        Mistake(
            lambda logits, targets: bits_per_letter_reference(logits, targets) * math.log(2) ** 2,
            "Divide by ln(2) to get from nats to bits, do not multiply.",
        ),
        Mistake(
            lambda logits, targets: bits_per_letter_reference(logits, targets) * math.log(2) / math.log(10),
            "That is the logarithm to base 10: a bit is base 2.",
        ),
        Mistake(
            lambda logits, targets: -logits.log_softmax(dim=1).max(dim=1).values.mean().item() / math.log(2),
            "That is the cost of the *likeliest* letter; what counts is the letter that came, `targets`.",
        ),
        Mistake(
            lambda logits, targets: -_of_targets(logits.softmax(1), targets).mean().log2().item(),
            "That is the logarithm of the mean; take the mean of the logarithms.",
        ),
        Mistake(
            lambda logits, targets: -_of_targets(logits.softmax(1), targets).log2().mean().item(),
            "Right in words, but a tiny probability becomes 0 before the logarithm is taken: use `log_softmax`.",
        ),
        Mistake(
            lambda logits, targets: -_of_targets(logits, targets).mean().item() / math.log(2),
            "Logits are not logarithms of probabilities yet: `log_softmax` makes them so.",
        ),
        Mistake(
            lambda logits, targets: (
                -logits.log_softmax(dim=0)[torch.arange(len(targets)), targets].mean().item() / math.log(2)
            ),
            "The probabilities of one *row* add up to 1: softmax over dim=1.",
        ),
        Mistake(
            lambda logits, targets: -logits.log_softmax(dim=1).mean().item() / math.log(2),
            "That is the mean over all letters that could have come; take only the one that came.",
        ),
    ],
    look_at="whose probability counts, and in which unit",
)

# ---------------------------------------------------------------- 5


def pick_reference(logits, temperature, u):
    below = (logits / temperature).softmax(dim=0).cumsum(dim=0)
    return min((below <= u).sum().item(), len(logits) - 1)


def _pick(probabilities, u):
    return min((probabilities.cumsum(dim=0) <= u).sum().item(), len(probabilities) - 1)


pick = Exercise(
    reference=pick_reference,
    notebook="03",
    name="pick",
    title="5, draw at a temperature",
    minutes=10,
    difficulty=2,
    cases=lambda g: [
        *[(torch.tensor([0.0, 0.0, 0.0, 0.0]), 1.0, u) for u in (0.0, 0.2, 0.25, 0.6, 0.99)],
        *[
            (torch.tensor([1.0, 3.0, 2.0, 0.0]), t, u)
            for t in (0.3, 0.7, 1.0, 2.0, 5.0)
            for u in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97)
        ],
        *[(torch.tensor([-1.0, 0.5, 2.0, 1.0, -2.0]), t, u) for t in (0.5, 3.0) for u in (0.05, 0.2, 0.4, 0.8, 0.95)],
        (torch.tensor([300.0, 900.0, 600.0]), 0.5, 0.5),
    ],
    hints=[
        "First the probabilities: `(logits / temperature).softmax(dim=0)`.",
        "Lay them end to end from 0 to 1, `cumsum(dim=0)`: the symbol whose stretch holds u is drawn.",
        "That is the number of stretches that end at or before u: `(below <= u).sum().item()`.",
    ],
    mistakes=[
        Mistake(
            lambda logits, temperature, u: _pick((logits * temperature).softmax(0), u),
            "*Divide* by the temperature: a low one must make differences larger.",
        ),
        Mistake(lambda logits, temperature, u: _pick(logits.softmax(0), u), "The temperature is not used."),
        Mistake(
            lambda logits, temperature, u: logits.argmax().item(),
            "That is always the likeliest symbol: u decides which one is drawn.",
        ),
        Mistake(
            lambda logits, temperature, u: _pick(logits.softmax(0) / temperature, u),
            "Divide the *logits* by the temperature, before softmax; divided afterwards they no longer add up to 1.",
        ),
        Mistake(
            lambda logits, temperature, u: max(_pick((logits / temperature).softmax(0), u) - 1, 0),
            "One too early: with u = 0 it is the first symbol, 0, that is drawn; check where u lies in the sums.",
        ),
        Mistake(
            lambda logits, temperature, u: min(_pick((logits / temperature).softmax(0), u) + 1, len(logits) - 1),
            "One too late: where u is smaller than the first probability, symbol 0 is drawn.",
        ),
        Mistake(
            lambda logits, temperature, u: _pick((logits / temperature).softmax(0).sort(descending=True).values, u),
            "Sorted probabilities have lost whose they are: keep the order of the symbols.",
        ),
        Mistake(
            lambda logits, temperature, u: ((logits / temperature).softmax(0) - u).abs().argmin().item(),
            "u is a place between 0 and 1 along all probabilities laid end to end, not a probability to look for.",
        ),
        Mistake(
            lambda logits, temperature, u: _pick((logits / temperature).exp() / (logits / temperature).exp().sum(), u),
            "Right in words, but exp of a large number is infinite: `softmax` avoids that.",
        ),
    ],
    look_at="what is divided by the temperature, and in which stretch u lies",
)

# ---------------------------------------------------------------- 6


def edit_distance_reference(a, b):
    row = list(range(len(b) + 1))  # from nothing to the first j of b: j insertions
    for i in range(len(a)):
        above, row = row, [i + 1]  # from the first i + 1 of a to nothing: deletions
        for j in range(len(b)):
            replaced = above[j] + (a[i] != b[j])
            row.append(min(replaced, above[j + 1] + 1, row[j] + 1))
    return row[-1]


def _edits(replace=1, insert=1, delete=1, end=0):
    """Return an edit distance with other costs, or that looks `end` symbols less far."""

    def distance(a, b):
        row = [j * insert for j in range(len(b) + 1)]
        for i in range(len(a) - end):
            above, row = row, [(i + 1) * delete]
            for j in range(len(b)):
                row.append(min(above[j] + replace * (a[i] != b[j]), above[j + 1] + delete, row[j] + insert))
        return row[-1]

    return distance


edit_distance = Exercise(
    reference=edit_distance_reference,
    notebook="03",
    name="edit_distance",
    title="6, how far apart two words are",
    minutes=15,
    difficulty=3,
    cases=lambda g: [
        ("knight", "night"),
        ("kitten", "sitting"),
        ("", "abc"),
        ("abc", ""),
        ("abcdef", "bcdefa"),
        ("flaw", "lawn"),
        ("ab", "ba"),
        ("same", "same"),
        ("aaab", "ab"),
        (["N", "AY", "T"], ["K", "N", "IH", "G", "T"]),
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
            "That compares place by place; after one missing letter everything behind it looks wrong.",
        ),
        Mistake(
            lambda a, b: sum(x != y for x, y in zip(a, b, strict=False)),
            "That compares place by place, up to the shorter's end.",
        ),
        Mistake(
            _edits(replace=2),
            "A symbol may also be *replaced*, and that costs 1, not 2 as if it were taken out and put in.",
        ),
        Mistake(_edits(insert=1000), "Insertions count 1 as well: look to the left in the table."),
        Mistake(_edits(delete=1000), "Deletions count 1 as well: look above in the table."),
        Mistake(_edits(end=1), "The last symbol of a is left out."),
        Mistake(lambda a, b: abs(len(a) - len(b)), "Words of the same length can be far apart, too."),
        Mistake(
            lambda a, b: max(len(a), len(b)) - len(set(a) & set(b)),
            "Which letters they share is not enough: their order counts.",
        ),
        Mistake(
            lambda a, b: edit_distance_reference(a, b) / max(len(a), len(b), 1),
            "That is a share; the *number* is asked for.",
        ),
    ],
    look_at="the three neighbours of each entry",
)
