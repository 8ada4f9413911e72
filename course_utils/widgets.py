"""Sliders and menus around a drawing function, with ipywidgets 7 or 8."""

from collections.abc import Callable


def explore(draw: Callable, **controls) -> None:
    """Show a control for each argument of `draw` and, below them, what `draw` shows; redraw when a control is let go.

    A control is given as slider=(low, high, step, start) of numbers, or menu=["first", "second"], which starts at the
    first, or text="what is there at the start". What `draw` raises is shown below the controls.
    """
    import ipywidgets
    from IPython.display import display

    boxes = {name: _control(name, given) for name, given in controls.items()}
    below = ipywidgets.interactive_output(draw, boxes)
    display(ipywidgets.VBox([ipywidgets.HBox(list(boxes.values()), layout={"flex_flow": "row wrap"}), below]))


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
