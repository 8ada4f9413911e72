"""Helpers of the course: everything that is not the lesson itself.

Nothing is imported here, so `import course_utils` is instant; a notebook imports the modules that it names.
"""

__version__ = "1.0"
