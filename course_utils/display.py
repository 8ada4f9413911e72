"""Sentences and tables that read well on light and dark pages and as plain text; other modules show through it."""

import html
import re

# Each colour has a contrast of at least 3 to 1 against white and against JupyterLab's dark page (#111111),
# and neighbours differ for colour-blind readers (after Okabe and Ito, darkened where white needed it).
COLOURS = {
    "blue": "#0072B2",
    "red": "#D55E00",
    "green": "#009E73",
    "purple": "#BF63A0",
    "amber": "#B8860B",
    "grey": "#797979",
}
# kind: (mark in front of the text, colour of the bar beside it); the mark, not the colour, carries the meaning
KINDS = {"good": ("✔", "green"), "bad": ("✘", "red"), "hint": ("➜", "amber"), "note": ("·", "grey")}

# Stars around words; not those of a formula, m**2 + v**2 or 2 * a * b, nor of *arguments
BOLD = re.compile(r"(?<![\w*)\]])\*\*(\w[^*\n]*(?<=\S))\*\*(?![\w*])")
STRESSED = re.compile(r"(?<![\w*)\]])\*(\w[^*\n]*(?<=\S))\*(?![\w*])")


class Shown:
    """Hold one thing to look at, as HTML for a notebook and as plain text for everything else."""

    def __init__(self, *, markup: str, text: str):
        self.markup, self.text = markup, text

    def _repr_html_(self) -> str:
        return self.markup

    def __repr__(self) -> str:
        return self.text


def inline(text: str) -> str:
    """Return `text` as HTML: everything escaped, `code` between back-ticks, **bold** and *stressed* between stars."""
    pieces = re.split(r"`([^`\n]+)`", html.escape(str(text), quote=False))  # every second piece is code
    pieces[::2] = [BOLD.sub(r"<b>\1</b>", piece) for piece in pieces[::2]]
    pieces[::2] = [STRESSED.sub(r"<em>\1</em>", piece) for piece in pieces[::2]]
    pieces[1::2] = [f"<code>{piece}</code>" for piece in pieces[1::2]]
    return "".join(pieces).replace("\n", "<br>")


def message(text: str, kind: str = "note") -> Shown:
    """Return a sentence with a coloured bar; `kind` is one of good, bad, hint, note."""
    mark, colour = KINDS[kind]
    bar = f"border-left:4px solid {COLOURS[colour]};padding:0.3em 0.8em;margin:0.3em 0"
    return Shown(markup=f'<div style="{bar}">{mark} {inline(text)}</div>', text=f"{mark} {text}")


def table(headers: list[str], rows: list[list[str]], *, caption: str) -> Shown:
    """Return a table of strings, headers in <th>, with a caption that says what it shows; cells may hold `code`."""
    head = "".join(f'<th scope="col" style="text-align:left">{inline(h)}</th>' for h in headers)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left;vertical-align:top">{inline(c)}</td>' for c in row) + "</tr>"
        for row in rows
    )
    style = "caption-side:top;text-align:left;padding:0.4em 0"
    markup = (
        f'<table><caption style="{style}">{inline(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    plain = [caption] + [" | ".join(str(c).replace("\n", " ") for c in row) for row in [headers, *rows]]
    return Shown(markup=markup, text="\n".join(plain))
