"""Notebook 03's encoder and decoder, which pronounces a word: shown there, imported from then on."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import words

SOUNDS = (*words.PHONEMES, ".")  # the full stop ends a word


class Speaker(nn.Module):
    """Read a spelling into one vector, the thought; from that alone, pronounce it."""

    def __init__(self, hidden, state, drop):
        super().__init__()
        self.letter, self.sound = (nn.Embedding(len(signs) + 1, 64) for signs in (words.LETTERS, SOUNDS))
        self.read = nn.LSTM(64, hidden, bidirectional=True, batch_first=True)
        self.begin = nn.Sequential(nn.Dropout(drop), nn.Linear(2 * hidden, 2 * state))
        self.speak = nn.LSTM(64, state, batch_first=True)
        self.name = nn.Sequential(nn.Dropout(drop), nn.Linear(state, len(SOUNDS) + 1))

    def think(self, spelling):  # (B, T) -> (B, 2 * hidden): what each direction knows at its end
        _, (h, _) = self.read(self.letter(spelling))
        return torch.cat([h[0], h[1]], dim=1)

    def start(self, thought):  # the decoder's first states and memories
        h, c = self.begin(thought).chunk(2, dim=1)
        return h.tanh()[None].contiguous(), c[None].contiguous()  # as nn.LSTM wants them: (1, B, state)

    def forward(self, both):
        spelling, sounds = both
        before = F.pad(sounds[:, :-1], (1, 0))  # at each step the sound before; at first 0, none
        states, _ = self.speak(self.sound(before), self.start(self.think(spelling)))
        return self.name(states)  # (B, sounds, 41)


def pairs(some_words):
    """Every word with each accepted pronunciation: rows of letters (N, T) and of sounds (N, S)."""
    both = [(word.spelling, (*way, ".")) for word in some_words for way in word.spoken]
    spellings, ways = zip(*both, strict=True)
    return words.encode(spellings, words.LETTERS)[0], words.encode(ways, SOUNDS)[0]


def sound_loss(logits, sounds):
    """The cross-entropy of every sound; 0 stands behind the end and does not count."""
    return F.cross_entropy(logits.flatten(0, 1), sounds.flatten(), ignore_index=0)


@torch.no_grad()
def pronounce(speaker, spellings, most=22):
    """What the speaker says to each spelling: the likeliest sound at every step, up to a full stop."""
    speaker.eval()
    rows, lengths = words.encode(spellings, words.LETTERS)
    said = [()] * len(rows)
    for length in lengths.unique().tolist():  # words of one length at a time
        which = (lengths == length).nonzero().flatten()
        heard = [torch.zeros_like(rows[which, :1])]
        state = speaker.start(speaker.think(rows[which, :length]))
        for _ in range(most):
            out, state = speaker.speak(speaker.sound(heard[-1]), state)
            heard.append(speaker.name(out).argmax(2))
        for i, row in zip(which.tolist(), torch.cat(heard[1:], dim=1), strict=True):
            way = words.decode(row, SOUNDS)
            said[i] = tuple(way[: way.index(".")] if "." in way else way)
    return said
