"""The exercises of notebook 03, Remember with recurrent networks."""

import math

import torch
import torch.nn.functional as F

from course_utils.exercise import Exercise, Mistake
from course_utils.exercises.convolutions import halves


def _drawn(g: torch.Generator, scale: float, *shapes: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    """Return a tensor of small numbers for each shape."""
    return tuple(halves(g, *shape) / scale for shape in shapes)


# ---------------------------------------------------------------- 1


def rnn_step_reference(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


def _as_steps(x, h, W_x, W_h, b):
    """Take the rows for steps of one sequence."""
    state, states = h[0], []
    for row in x:
        state = torch.tanh(W_x @ row + W_h @ state + b)
        states.append(state)
    return torch.stack(states)


rnn_step = Exercise(
    reference=rnn_step_reference,
    notebook="03",
    name="rnn_step",
    title="1, one step",
    minutes=6,
    difficulty=1,
    cases=lambda g: [
        _drawn(g, 4, (1, 1), (1, 2), (2, 1), (2, 2), (2,)),
        _drawn(g, 4, (4, 3), (4, 3), (3, 3), (3, 3), (3,)),
        _drawn(g, 4, (2, 5), (2, 4), (4, 5), (4, 4), (4,)),
    ],
    hints=[
        "A row of W_x holds the weights of one hidden unit, so a batch is multiplied by its transpose: `x @ W_x.T`.",
        "Three things are added up: what the input says, what the state says, the bias. Then tanh of it all.",
    ],
    mistakes=[
        Mistake(
            lambda x, h, W_x, W_h, b: x @ W_x.T + h @ W_h.T + b,
            "The bend is missing: the new state is the *tanh* of that sum.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b),
            "The old state is ignored: `h @ W_h.T` belongs into the sum.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(h @ W_h.T + b),
            "The input is ignored: `x @ W_x.T` belongs into the sum.",
        ),
        Mistake(lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T), "The bias is missing."),
        Mistake(lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T + 2 * b), "The bias is added twice."),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h + b),
            "W_h must be transposed like W_x: each of its *rows* belongs to one new unit.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + h @ W_h + b),
            "The weights must be transposed: each of their rows belongs to one new unit.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(W_x @ x + W_h @ h + b),
            "Each sequence is a *row* here: x stands left of the weights, and these are transposed.",
        ),
        Mistake(
            _as_steps, "The rows of x are different sequences at the same moment, not steps of one: no loop is needed."
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h + b), "The old state must be multiplied by W_h as well."
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b) + h @ W_h.T,
            "Put the state's share inside the tanh; outside it nothing keeps the state within −1 and 1.",
        ),
        Mistake(lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T) + b, "The bias belongs inside the tanh."),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T) + torch.tanh(h @ W_h.T) + b,
            "Add first; then one tanh of the whole sum.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.sigmoid(x @ W_x.T + h @ W_h.T + b),
            "That is the sigmoid, between 0 and 1; the cell bends with tanh, between −1 and 1.",
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: torch.relu(x @ W_x.T + h @ W_h.T + b), "That is ReLU; this cell bends with tanh."
        ),
        Mistake(
            lambda x, h, W_x, W_h, b: rnn_step_reference(x, h, W_x, W_h, b).T.contiguous(),
            "Rows and columns are swapped: one row for each sequence.",
        ),
    ],
    look_at="what stands inside the tanh, and what outside",
)

# ---------------------------------------------------------------- 2


def clip_reference(gradients, most):
    length = math.sqrt(sum((g**2).sum().item() for g in gradients))
    if length <= most:
        return gradients
    return [g * (most / length) for g in gradients]


def _clip(length, to=lambda most, length: most / length, ask=None):
    """Return a clipping that measures `length`, and multiplies by `to` what is longer than allowed."""

    def clipping(gradients, most):
        measured = length(gradients)
        if (ask or length)(gradients) <= most:
            return gradients
        return [g * to(most, measured) for g in gradients]

    return clipping


def _norm(gradients):
    return math.sqrt(sum((g**2).sum().item() for g in gradients))


def _norms(gradients):
    return [g.norm().item() for g in gradients]


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
        ([torch.tensor([-2.0, 1.0]), torch.tensor([[2.0]])], 2.5),
        ([torch.tensor([-2.0, 1.0]), torch.tensor([[2.0]])], 4.0),
        ([halves(g, 2, 3), halves(g, 3)], 2.5),
        ([torch.tensor([[6.0, -2.0]]), torch.tensor([3.0])], 6.5),
        ([torch.zeros(3), torch.zeros(2)], 1.0),
    ],
    hints=[
        "One length for all of them together: the root of the sum of all squares, over every tensor.",
        "If that length is more than `most`, make a list in which every tensor is multiplied by most / length.",
        "If it is not, return the gradients as they are. (They may all be 0: do not divide by a length of 0.)",
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
            lambda gradients, most: [g * (most / torch.tensor(_norm(gradients))) for g in gradients],
            "Gradients that are short enough must stay as they are; this makes them longer.",
        ),
        Mistake(
            _clip(_norm, lambda most, length: most / length**2),
            "That divides by the *squared* length: take the root.",
        ),
        Mistake(
            _clip(lambda gradients: _norm(gradients) ** 2),
            "That measures the *squared* length: take the root.",
        ),
        Mistake(
            _clip(_norm, ask=lambda gradients: _norm(gradients) ** 2),
            "Compare the length with `most`, not its square.",
        ),
        Mistake(
            _clip(lambda gradients: sum(_norms(gradients))),
            "The lengths of several tensors do not add up; their squares do. Add the squares, then take the root.",
        ),
        Mistake(
            _clip(lambda gradients: max(_norms(gradients))),
            "Several tensors together are longer than the longest of them: add up all squares.",
        ),
        Mistake(
            _clip(lambda gradients: sum(g.abs().sum().item() for g in gradients)),
            "A length is the root of the sum of squares, not the sum of the sizes.",
        ),
        Mistake(
            _clip(lambda gradients: max(g.abs().max().item() for g in gradients)),
            "That measures the largest number; the length is the root of the sum of all squares.",
        ),
        Mistake(
            lambda gradients, most: gradients if _norm(gradients) <= most else [0 * g for g in gradients],
            "A long gradient must be shortened, not thrown away: its direction is still good.",
        ),
        Mistake(
            lambda gradients, most: (
                gradients if _norm(gradients) <= most else [g / _norm(gradients) for g in gradients]
            ),
            "A long gradient is brought to the length `most`, not to 1.",
        ),
        Mistake(
            lambda gradients, most: gradients,
            "The gradients come back as they were. `g = …` in a loop changes no list, and `clip_grad_norm_` looks at "
            "`.grad` only: collect the new tensors in a list.",
        ),
        Mistake(
            lambda gradients, most: [g * min(1.0, most / _norm(gradients)) for g in gradients],
            "Where every gradient is 0, the length is 0 too, and nothing can be divided by it.",
        ),
        Mistake(
            lambda gradients, most: [g * (most / torch.cat(gradients).norm().item()) for g in gradients],
            "The tensors have different shapes: flatten each one first, or add up their squares.",
        ),
        Mistake(
            lambda gradients, most: torch.cat([g.flatten() for g in clip_reference(gradients, most)]),
            "Return a list again, one tensor for each parameter, in its own shape.",
        ),
    ],
    look_at="the common length, when it is too long, and by what everything is then multiplied",
)

# ---------------------------------------------------------------- 3


def lstm_step_reference(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _lstm(order="ifgo", bend_g=torch.tanh, bend_c=torch.tanh, gate=torch.sigmoid, forget=True, let_in=True):
    """Return an LSTM step with something changed."""

    def step(x, h, c, W_x, W_h, b):
        parts = dict(zip(order, (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1), strict=True))
        kept = gate(parts["f"]) * c if forget else c
        new = kept + (gate(parts["i"]) if let_in else 1) * bend_g(parts["g"])
        return gate(parts["o"]) * bend_c(new), new

    return step


def _parts(x, h, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def _old_shown(x, h, c, W_x, W_h, b):
    i, f, g, o = _parts(x, h, W_x, W_h, b)
    return o * c.tanh(), f * c + i * g


def _old_returned(x, h, c, W_x, W_h, b):
    return lstm_step_reference(x, h, c, W_x, W_h, b)[0], c


def _bent_memory(x, h, c, W_x, W_h, b):
    i, f, g, o = _parts(x, h, W_x, W_h, b)
    c = (f * c + i * g).tanh()
    return o * c, c


def _coupled(x, h, c, W_x, W_h, b):
    _, f, g, o = _parts(x, h, W_x, W_h, b)
    c = f * c + (1 - f) * g
    return o * c.tanh(), c


def _state_for_memory(x, h, c, W_x, W_h, b):
    i, f, g, o = _parts(x, h, W_x, W_h, b)
    new = f * h + i * g
    return o * new.tanh(), new


def _cut_by_rows(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _interleaved(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).unflatten(1, (-1, 4)).unbind(2)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


ORDER = "The order is i, f, g, o: the input gate first, then the forget gate, the candidate, the output gate."

lstm_step = Exercise(
    reference=lstm_step_reference,
    notebook="03",
    name="lstm_step",
    title="3, one step of an LSTM",
    minutes=12,
    difficulty=2,
    cases=lambda g: [
        _drawn(g, 3, (1, 1), (1, 1), (1, 1), (4, 1), (4, 1), (4,)),
        _drawn(g, 3, (3, 2), (3, 2), (3, 2), (8, 2), (8, 2), (8,)),
        _drawn(g, 3, (2, 4), (2, 3), (2, 3), (12, 4), (12, 3), (12,)),
    ],
    hints=[
        "One matrix product gives all four: `(x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)`, in the order i, f, g, o.",
        "The gates i, f and o go through a sigmoid, the candidate g through tanh.",
        "New c = f · old c + i · g. New h = o · tanh(new c). Return h first, then c.",
    ],
    mistakes=[
        Mistake(
            _lstm(order="figo"),
            "i and f have changed places: i is the first quarter and lets in g, f the second and keeps the old c.",
        ),
        Mistake(_lstm(order="ifog"), "The third quarter is the candidate g, the fourth the output gate o."),
        Mistake(_lstm(order="fiog"), ORDER),
        Mistake(_lstm(order="igfo"), ORDER),
        Mistake(
            _lstm(bend_g=torch.sigmoid), "The candidate g goes through tanh: it must be able to write negative numbers."
        ),
        Mistake(_lstm(bend_g=lambda g: g), "The candidate g goes through tanh."),
        Mistake(_lstm(bend_c=lambda c: c), "The state shows the *tanh* of the memory: h = o · tanh(c)."),
        Mistake(_lstm(gate=torch.tanh), "Gates are open from 0 to 1: they go through a sigmoid."),
        Mistake(_lstm(gate=lambda x: x), "Gates go through a sigmoid, so that they are open from 0 to 1."),
        Mistake(_lstm(forget=False), "The forget gate is missing: the new memory is f · c + i · g."),
        Mistake(_lstm(let_in=False), "The input gate is missing: what is let in is i · g."),
        Mistake(_old_shown, "The output gate shows the *new* memory, not the old one."),
        Mistake(_old_returned, "The state is right; return the *new* memory beside it, not the old one."),
        Mistake(_bent_memory, "The memory is kept without tanh; only what h shows of it is bent."),
        Mistake(_coupled, "The input gate is a gate of its own, not 1 − f."),
        Mistake(_state_for_memory, "The forget gate keeps the old *memory* c, not the old state h."),
        Mistake(
            lambda x, h, c, W_x, W_h, b: lstm_step_reference(x, h, c, W_x, W_h, b)[::-1],
            "Return the state h first, then the memory c.",
        ),
        Mistake(
            lambda x, h, c, W_x, W_h, b: lstm_step_reference(x, h, c, W_x, W_h, 0 * b),
            "The bias b is missing in the sum.",
        ),
        Mistake(
            lambda x, h, c, W_x, W_h, b: lstm_step_reference(x, 0 * h, c, W_x, W_h, b),
            "The old state is missing in the sum: `h @ W_h.T`.",
        ),
        Mistake(_cut_by_rows, "The four lie side by side in each row: cut into four parts along dim=1."),
        Mistake(_interleaved, "The first H numbers of a row are all of i, the next H all of f, and so on."),
    ],
    look_at="which quarter is which gate, and what is kept in c",
)

# ---------------------------------------------------------------- 4


def bits_per_letter_reference(logits, targets):
    log_p = logits.log_softmax(dim=1)[torch.arange(len(targets)), targets]
    return -log_p.mean().item() / math.log(2)


def _of_targets(table, targets):
    return table[torch.arange(len(targets)), targets]


TINY = "The formula is right, but a tiny probability becomes 0, or drowns in what is added to it: use `log_softmax`."


def _with_floor(floor):
    return lambda logits, targets: -(_of_targets(logits.softmax(1), targets) + floor).log2().mean().item()


bits_per_letter = Exercise(
    reference=bits_per_letter_reference,
    notebook="03",
    name="bits_per_letter",
    title="4, bits per letter",
    minutes=8,
    difficulty=2,
    cases=lambda g: [
        (torch.zeros(1, 2), torch.tensor([1])),
        (torch.zeros(3, 4), torch.tensor([0, 3, 1])),
        (halves(g, 3, 4), torch.randint(0, 4, (3,), generator=g)),
        (halves(g, 2, 6), torch.randint(0, 6, (2,), generator=g)),
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
            lambda logits, targets: bits_per_letter_reference(logits, targets) * len(targets) * math.log(2),
            "That is the sum, in nats: take the mean, and divide by ln(2).",
        ),
        Mistake(
            lambda logits, targets: -_of_targets(logits.log_softmax(1), targets) / math.log(2),
            "That is the cost of each letter; take the mean.",
        ),
        Mistake(
            lambda logits, targets: -bits_per_letter_reference(logits, targets),
            "The sign: less likely letters cost more.",
        ),
        Mistake(
            lambda logits, targets: -bits_per_letter_reference(logits, targets) * math.log(2),
            "Two things are missing: the minus sign, and the division by ln(2).",
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
            lambda logits, targets: math.log2(F.cross_entropy(logits, targets).item()),
            "Cross-entropy is a logarithm already: divide it by ln(2).",
        ),
        Mistake(
            lambda logits, targets: F.cross_entropy(logits.softmax(1), targets).item() / math.log(2),
            "`cross_entropy` takes the logits; it does the softmax itself.",
        ),
        Mistake(
            lambda logits, targets: -logits.log_softmax(dim=1).max(dim=1).values.mean().item() / math.log(2),
            "That is the cost of the *likeliest* letter; what counts is the letter that came, `targets`.",
        ),
        Mistake(
            lambda logits, targets: -logits.log_softmax(1)[:, targets].mean().item() / math.log(2),
            "`[:, targets]` takes every target from every row. Pair them: `[torch.arange(N), targets]`.",
        ),
        Mistake(
            lambda logits, targets: -_of_targets(logits.softmax(1), targets).mean().log2().item(),
            "That is the logarithm of the mean; take the mean of the logarithms.",
        ),
        Mistake(lambda logits, targets: -_of_targets(logits.softmax(1), targets).log2().mean().item(), TINY),
        *[Mistake(_with_floor(floor), TINY) for floor in (1e-12, 1e-10, 1e-9, 1e-8)],
        Mistake(
            lambda logits, targets: -_of_targets(logits, targets).mean().item() / math.log(2),
            "Logits are not logarithms of probabilities yet: `log_softmax` makes them so.",
        ),
        Mistake(
            lambda logits, targets: -_of_targets(logits.log_softmax(0), targets).mean().item() / math.log(2),
            "The probabilities of one *row* add up to 1: softmax over dim=1.",
        ),
        Mistake(
            lambda logits, targets: -logits.log_softmax(dim=1).mean().item() / math.log(2),
            "That is the mean over all letters that could have come; take only the one that came.",
        ),
        Mistake(
            lambda logits, targets: -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean().item() / math.log(2),
            "That is what the model *expects* to pay; what counts is the letter that came.",
        ),
    ],
    look_at="whose probability counts, in which unit, and whether something is rounded",
)

# ---------------------------------------------------------------- 5


def pick_reference(logits, temperature, u):
    below = (logits / temperature).softmax(dim=0).cumsum(dim=0)
    return (below <= u).sum().item()


def _pick(probabilities, u):
    return (probabilities.cumsum(dim=0) <= u).sum().item()


def _cool(logits, temperature):
    return (logits / temperature).softmax(dim=0)


def _exp_first(logits, temperature, u):
    p = (logits / temperature).exp()
    return _pick(p / p.sum(), u)


def _exp_loop(logits, temperature, u):
    """Add up in a loop; ends without an answer where exp is infinite."""
    p, total = (logits / temperature).exp(), 0.0
    p = p / p.sum()
    for i in range(len(p)):
        total += p[i].item()
        if u < total:
            return i
    return None


NO_EFFECT = "The temperature has no effect here: divide the logits by it, *before* softmax."
ONE_LATE = "One too late: symbols count from 0, and where u is below the first probability symbol 0 is drawn."
INFINITE = "The formula is right, but exp of a large number is infinite: `softmax` avoids that."
OTHER_DRAW = "u is the random number already: draw no other."

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
        Mistake(lambda logits, temperature, u: _pick(logits.softmax(0), u), NO_EFFECT),
        Mistake(
            lambda logits, temperature, u: logits.argmax().item(),
            "That is always the likeliest symbol: u decides which one is drawn.",
        ),
        Mistake(
            lambda logits, temperature, u: (_cool(logits, temperature).cumsum(0) < u).sum().item(),
            "On a border u belongs to the second symbol: count the stretches that end *at* or before u.",
        ),
        Mistake(
            lambda logits, temperature, u: _pick(logits.softmax(0) / temperature, u),
            "Divide the *logits* by the temperature, before softmax; divided afterwards they no longer add up to 1.",
        ),
        Mistake(
            lambda logits, temperature, u: min(_pick(logits.softmax(0) / temperature, u), len(logits) - 1),
            "Divide the *logits* by the temperature, before softmax; divided afterwards they no longer add up to 1.",
        ),
        *[
            Mistake(answer, "One too early: with u = 0 it is the first symbol, 0, that is drawn.")
            for answer in (
                lambda logits, temperature, u: _pick(_cool(logits, temperature), u) - 1,
                lambda logits, temperature, u: max(_pick(_cool(logits, temperature), u) - 1, 0),
            )
        ],
        *[
            Mistake(answer, ONE_LATE)
            for answer in (
                lambda logits, temperature, u: _pick(_cool(logits, temperature), u) + 1,
                lambda logits, temperature, u: min(_pick(_cool(logits, temperature), u) + 1, len(logits) - 1),
            )
        ],
        Mistake(
            lambda logits, temperature, u: _pick(_cool(logits, temperature).sort(descending=True).values, u),
            "After sorting you no longer know which symbol a probability belongs to.",
        ),
        Mistake(
            lambda logits, temperature, u: logits.argsort(descending=True)[
                min(_pick(_cool(logits, temperature).sort(descending=True).values, u), len(logits) - 1)
            ].item(),
            "Keep the symbols in their own order; the likeliest need not come first.",
        ),
        Mistake(
            lambda logits, temperature, u: (_cool(logits, temperature) - u).abs().argmin().item(),
            "u is a place between 0 and 1 along all probabilities laid end to end, not a probability to look for.",
        ),
        Mistake(
            lambda logits, temperature, u: (_cool(logits, temperature).cumsum(0) - u).abs().argmin().item(),
            "Not the nearest border counts, but the stretch in which u lies.",
        ),
        Mistake(
            lambda logits, temperature, u: (_cool(logits, temperature) <= u).sum().item(),
            "Add the probabilities up as you go, and compare u with the sum.",
        ),
        Mistake(
            lambda logits, temperature, u: next(
                (i for i, p in enumerate(_cool(logits, temperature).tolist()) if u < p), None
            ),
            "Add the probabilities up as you go, and compare u with the sum.",
        ),
        Mistake(
            lambda logits, temperature, u: _pick(logits / temperature, u),
            "Logits are no probabilities yet: softmax first.",
        ),
        Mistake(
            lambda logits, temperature, u: (_cool(logits, temperature).cumsum(0) > u).sum().item(),
            "That counts the stretches that end after u; count those that end at or before it.",
        ),
        Mistake(lambda logits, temperature, u: _cool(logits, temperature).multinomial(1).item(), OTHER_DRAW),
        Mistake(_exp_first, INFINITE),
        Mistake(_exp_loop, INFINITE),
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


def _edits(replace=1, insert=1, delete=1, same=0, edge=1, end=0):
    """Return an edit distance with other costs, another edge, or that looks `end` symbols less far."""

    def distance(a, b):
        row = [edge * j for j in range(len(b) + 1)]
        for i in range(len(a) - end):
            above, row = row, [edge * (i + 1)]
            for j in range(len(b)):
                diagonal = above[j] + (same if a[i] == b[j] else replace)
                row.append(min(diagonal, above[j + 1] + delete, row[j] + insert))
        return row[-1]

    return distance


def _with_swaps(a, b):
    """Count the swap of two neighbours as one edit, too."""
    D = [[i + j if not i or not j else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            D[i][j] = min(D[i - 1][j] + 1, D[i][j - 1] + 1, D[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                D[i][j] = min(D[i][j], D[i - 2][j - 2] + 1)
    return D[-1][-1]


def _all_pay(a, b):
    """Let insertions and deletions be free where the symbols are the same, and cost 1 where they differ."""
    D = [[i + j if not i or not j else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            D[i][j] = min(D[i - 1][j], D[i][j - 1], D[i - 1][j - 1]) + (a[i - 1] != b[j - 1])
    return D[-1][-1]


def _one_row(a, b):
    """Make every row of the table the same list."""
    D = [[0] * (len(b) + 1)] * (len(a) + 1)
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if not i or not j:
                D[i][j] = i + j
            else:
                D[i][j] = min(D[i - 1][j] + 1, D[i][j - 1] + 1, D[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return D[-1][-1]


def _nothing_left(a, b):
    """Recursion that takes the rest of a word for nothing."""
    if not len(a) or not len(b):
        return 0
    if a[0] == b[0]:
        return _nothing_left(a[1:], b[1:])
    return 1 + min(_nothing_left(a[1:], b[1:]), _nothing_left(a[1:], b), _nothing_left(a, b[1:]))


def _common(a, b):
    """Return the length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        above, row = row, [0]
        for j in range(len(b)):
            row.append(above[j] + 1 if x == b[j] else max(above[j + 1], row[j]))
    return row[-1]


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
        ("bcdefa", "abcdef"),
        ("phone", "pone"),
        ("night", "thing"),
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
        Mistake(_edits(edge=0), "The edges are not 0: from nothing to j symbols takes j insertions."),
        Mistake(_edits(same=1), "Where both symbols are the same, the diagonal costs nothing."),
        Mistake(_edits(same=1, replace=0), "It is the other way round: the same symbol costs 0, another one 1."),
        Mistake(_edits(replace=0), "Only the lengths count in this answer; replacing a symbol by another must cost 1."),
        Mistake(_edits(end=1), "The last symbol of a is left out."),
        Mistake(_all_pay, "An insertion or deletion costs 1 even where the two symbols are the same."),
        Mistake(_with_swaps, "Swapping neighbours is not among the edits: it takes two."),
        Mistake(
            _one_row, "All rows are the same list: `[[0] * m] * n` repeats one. Write `[[0] * m for _ in range(n)]`."
        ),
        Mistake(_nothing_left, "If one is used up, every symbol left in the other still costs an edit."),
        Mistake(
            lambda a, b: max(len(a), len(b)) - _common(a, b),
            "The longest common part is not enough: what is taken out in one place may be put in at another.",
        ),
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
