"""What every test runs under: failed claims are errors, no bars, one thread a worker, nothing of the user's touched."""

import os
import tempfile

from course_utils import course


def pytest_ignore_collect(collection_path):
    """Leave the learner's own notebooks alone: only the course's are tests."""
    return True if collection_path.suffix == ".ipynb" and not course.belongs(collection_path.name) else None


def pytest_configure(config):
    """Set the environment before any kernel or import of torch; workers under xdist come through here too."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers of one thread each: faster than one of two
    os.environ["COURSE_STRICT"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    progress = tempfile.TemporaryDirectory(prefix="course-progress-")
    config.add_cleanup(progress.cleanup)
    os.environ["COURSE_PROGRESS"] = progress.name
    for name in ("COURSE_SEED", "COURSE_DATA", "COURSE_CLAIMS", "JUPYTERHUB_USER"):
        os.environ.pop(name, None)
