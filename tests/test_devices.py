"""The notebooks' models on another device: nothing of them is left behind. The meta device stands in for a GPU."""

import ast
import contextlib

import nbformat
import pytest
import run
import torch

DIGITS, ROWS, NUMBERS = "torch.zeros(4, 1, 28, 28)", "torch.ones(4, 7, dtype=torch.long)", "torch.zeros(4, 784)"
CLASSES = "torch.zeros(4, dtype=torch.long)"
GIVEN = {  # what a notebook's models find there, made by its experiments
    "03": "V, FRAMED, SOUNDS, SIGNS = 30, 'abc', 'xyz', ('abc', 'xyz')",
    "04": "BLANK, codes = 40, range(12)",
    "07": "MEAN = torch.rand(784)",
}
MODELS = {
    "02": {"Local(12, 1, 8)": [DIGITS], "make_reader()": [DIGITS], "layer(1, 32, 2)": [DIGITS]},
    "03": {
        "Adder(nn.LSTM(2, 8))": ["torch.zeros(5, 4, 2)"],
        "Writer(16)": [ROWS],
        "Guesser(16, True)": [ROWS],
        "Speaker(16, 16, 0.1)": [f"[{ROWS}, {ROWS}]"],
    },
    "04": {
        "Judge(nn.Parameter(waves(9, 64), requires_grad=False))": [ROWS],
        "Transformer(32, 4, 2, 1, 0.1)": [f"[{ROWS}, {ROWS}]"],
        "Filler()": [ROWS],
        "Sorter()": [ROWS],
    },
    "05": {
        "network(784)": [NUMBERS],
        "SideBySide(4, (28, 8, 1), True)": ["torch.zeros(4, 28, 28)"],
        "Generator(8)": ["torch.zeros(4, 64)", CLASSES],
        "Discriminator(8)": [DIGITS, CLASSES],
        "translator()": [DIGITS],
        "critic_of_kind()": [DIGITS],
    },
    "06": {
        "with_head(make_backbone())": [DIGITS],
        "make_projector()": ["torch.zeros(4, 128)"],
        "Pull(norm=True, keep=0.9).network": [DIGITS],
        "Groups().network": [DIGITS],
    },
    "07": {
        "Coder(8)": [NUMBERS],
        "Strong(8)": ["torch.zeros(4, 8)", NUMBERS],
    },
    "08": {"network(784, 8, 1)": [NUMBERS], "Machine(784, 8)": [NUMBERS], "convolutional_energy(True)": [DIGITS]},
}
METHODS = {"Coder(8)": "encode", "Strong(8)": "logits", "Machine(784, 8)": "up"}  # where there is no forward


def definitions(number):
    """What a notebook imports and defines, its experiments left out."""
    (path,) = run.notebooks([number])
    known = {"torch": torch}
    exec(GIVEN.get(number, ""), known)
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or "colab" in cell.metadata.get("tags", []):
            continue
        for node in ast.parse(cell.source).body:
            text = ast.unparse(node)
            function = isinstance(node, ast.Assign) and (isinstance(node.value, ast.Lambda) or ".use(" in text)
            if function or isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
                with contextlib.suppress(NameError):  # a function with an experiment's tensor as a default
                    exec(text, known)
    return known


@pytest.mark.parametrize("number", MODELS)
def test_a_model_goes_to_another_device_with_all_that_it_needs(number):
    known = definitions(number)
    for text, inputs in MODELS[number].items():
        model = eval(text, known).to("meta")
        with torch.device("meta"):
            batch = [eval(part, known) for part in inputs]
        out = getattr(model, METHODS.get(text, "forward"))(*batch)
        out = torch.cat(out) if isinstance(out, tuple) else out
        assert out.device.type == "meta", text
        if out.requires_grad:
            out.sum().backward()
        assert {part.device.type for part in model.state_dict().values()} == {"meta"}, text


@pytest.mark.parametrize("number", MODELS)
def test_every_class_of_model_in_a_notebook_is_tried(number):
    known = definitions(number)
    tried = {type(part) for text in MODELS[number] for part in eval(text, known).modules()}
    tried |= {type(eval(text.removesuffix(".network"), known)) for text in MODELS[number]}
    own = {it for it in known.values() if isinstance(it, type) and issubclass(it, torch.nn.Module)}
    assert {it for it in own if it.__module__ == "builtins"} <= tried | {base for it in tried for base in it.__bases__}
