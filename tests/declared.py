"""What must be true of every declared exercise, for the tests."""

import inspect

from course_utils.exercise import Exercise
from course_utils.trial import Trial, undisturbed


def problems(exercise: Exercise) -> list[str]:
    """Return what is wrong with a declaration, one sentence each; the tests want none."""
    found = []

    def stub(*args, **keywords):
        raise NotImplementedError

    def expect(fine, sentence):
        found.extend([] if fine else [f"{exercise.name}: {sentence}"])

    expect(exercise.hints and all(h.strip() for h in exercise.hints), "the hints are missing or empty")
    expect(isinstance(exercise.minutes, int) and exercise.minutes > 0, "minutes must be a positive int")
    expect(exercise.difficulty in (1, 2, 3), "difficulty must be 1, 2 or 3")
    expect(f"def {exercise.name}(" in exercise.source(), "the solution does not define the exercise's name")
    with undisturbed():
        cases = Trial(exercise.reference, exercise.cases).cases
    most = len(inspect.signature(exercise.reference).parameters)
    expect(cases and all(isinstance(c, tuple) and len(c) <= most for c in cases), "cases must be tuples of arguments")
    answers = [("the stub", stub, "not attempted", ""), ("the reference", exercise.reference, "passed", "")]
    answers += [(f"mistake {i + 1}", m.function, "wrong", m.feedback) for i, m in enumerate(exercise.mistakes)]
    for who, function, status, sentence in answers if not found else []:
        judged, said = exercise.judge(function)
        expect(judged == status, f"{who} is judged {judged}: {said}")
        expect(sentence in said, f"{who} gets other feedback: {said}")
        expect("Traceback" not in said, f"{who} gets a traceback: {said}")
        expect(status != "wrong" or sentence.strip(), f"{who} has no feedback")
    return found
