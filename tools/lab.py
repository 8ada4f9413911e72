"""Start JupyterLab where the course's path has a [ in it: python tools/lab.py [words for JupyterLab]

JupyterLab finds its settings, themes and extensions (explorers need one) with glob, for which such a path is a pattern
that matches nothing. Here glob takes what is there by that very name. `make lab` calls this where the path asks for it.
"""

import glob
import os
import sys


def literally(find):
    """Return `find`, which is glob.glob or glob.iglob, with the longest beginning that exists taken as it is."""

    def found(pathname, **options):
        known = pathname
        while known and not os.path.lexists(known):
            known = os.path.dirname(known)
        return find(glob.escape(known) + pathname[len(known) :], **options)

    return found


def main() -> None:
    """Start JupyterLab with the words of the command line."""
    glob.glob, glob.iglob = literally(glob.glob), literally(glob.iglob)
    from jupyterlab.labapp import main as lab  # only now, as it takes glob's functions when it is imported

    sys.exit(lab())


if __name__ == "__main__":
    main()
