"""From spelling to sounds: what notebook 03 shows of that task, for later notebooks to import."""

import torch.nn.functional as F

from course_utils import words

SOUNDS = (*words.PHONEMES, ".")


def pairs(some_words):
    """Each word with each accepted pronunciation: rows of letters (N, T), sounds (N, S)."""
    both = [(word.spelling, (*way, ".")) for word in some_words for way in word.spoken]
    spellings, ways = zip(*both, strict=True)
    return words.encode(spellings, words.LETTERS)[0], words.encode(ways, SOUNDS)[0]


def sound_loss(logits, sounds):
    """The cross-entropy of every sound; 0 stands behind the end and does not count."""
    return F.cross_entropy(logits.flatten(0, 1), sounds.flatten(), ignore_index=0)
