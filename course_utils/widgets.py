"""Sliders and menus around a drawing function, with ipywidgets 7 or 8."""

import traceback
from collections.abc import Callable


def explore(draw: Callable, **controls) -> None:
    """Show a control for each argument of `draw` and, below them, what `draw` shows; redraw when a control is let go.

    A control is given as slider=(low, high, step, start) of numbers, or menu=["first", "second"], which starts at the
    first, or text="what is there at the start". What `draw` raises is shown below the controls. Where a saved notebook
    is read without its kernel, on GitHub for example, what `draw` shows at the start stays in the place of the whole.
    """
    from IPython.display import display

    box = _explorer(draw, controls)
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    first = next((output["data"] for output in box.children[1].outputs if "data" in output), {})
    still = {kind: first[kind] for kind in ("text/html", "image/png") if kind in first}
    plain = f"{first.get('text/plain', '')} (Run this cell to move the controls.)".strip()
    display({"application/vnd.jupyter.widget-view+json": view, **still, "text/plain": plain}, raw=True)


def _explorer(draw: Callable, controls: dict):
    """Return the controls and, below them, what `draw` shows: a VBox of an HBox and an Output.

    `ipywidgets.interactive_output` does nearly the same, but leaves it to a front end to collect what is shown: in a
    tool that executes notebooks that can be missed (jupyter/nbclient issue 312), and there is nothing to keep of it.
    """
    import ipywidgets

    boxes, below = {name: _control(name, given) for name, given in controls.items()}, ipywidgets.Output()

    def redraw(change=None) -> None:
        below.outputs = _outputs(draw, {name: box.value for name, box in boxes.items()})

    for box in boxes.values():
        box.observe(redraw, "value")
    redraw()
    return ipywidgets.VBox([ipywidgets.HBox(list(boxes.values()), layout={"flex_flow": "row wrap"}), below])


def _outputs(draw: Callable, values: dict) -> tuple[dict, ...]:
    """Return what draw(**values) prints and shows, or its error, as the outputs of a cell."""
    from IPython.utils.capture import capture_output

    failed = ()
    with capture_output() as captured:
        try:
            draw(**values)
        except Exception as error:
            raised = traceback.format_exception(type(error), error, error.__traceback__.tb_next)  # from `draw` on
            lines, name = "".join(raised).split("\n"), type(error).__name__
            failed = ({"output_type": "error", "ename": name, "evalue": str(error), "traceback": lines},)
    texts = {"stdout": captured.stdout, "stderr": captured.stderr}
    printed = [{"output_type": "stream", "name": name, "text": text} for name, text in texts.items() if text]
    shown = [{"output_type": "display_data", "data": it.data, "metadata": it.metadata or {}} for it in captured.outputs]
    return (*printed, *shown, *failed)


def _control(name: str, given):
    """Return the ipywidget for one argument."""
    import ipywidgets

    label = name.replace("_", " ")
    style, layout = {"description_width": "initial"}, {"width": "260px"}
    if isinstance(given, str):
        return ipywidgets.Text(given, description=label, continuous_update=False, style=style, layout=layout)
    if all(isinstance(choice, str) for choice in given):
        return ipywidgets.Dropdown(options=given, description=label, style=style, layout=layout)
    low, high, step, start = given
    whole = all(isinstance(number, int) for number in given)
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    options = {} if whole else {"readout_format": ".3g"}
    return kind(  # reached with Tab, moved with the arrow keys
        min=low, max=high, step=step, value=start, description=label, continuous_update=False,
        style=style, layout=layout, **options,
    )  # fmt: skip
