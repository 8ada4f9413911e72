"""The exercises, a module for each notebook: references, cases, hints and the usual mistakes."""
