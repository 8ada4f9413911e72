"""Words from the data/ folder, written and spoken, as rows of integers, and how to score a pronunciation."""

import gzip
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Sampler, TensorDataset

from course_utils.data import CPULoader, restore, verified

PARTS = ("train", "validation", "test")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz'")
PLACE_LETTERS = (*LETTERS, "-", " ")
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = ("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH")
PHONEMES = (*VOWELS, *CONSONANTS, "V", "W", "Y", "Z", "ZH")
COUNTRIES = {
    "CN": "China", "DE": "Germany", "ES": "Spain", "FR": "France", "GB": "Great Britain", "ID": "Indonesia",
    "IN": "India", "IT": "Italy", "PL": "Poland", "RO": "Romania", "RU": "Russia", "TR": "Turkey",
}  # fmt: skip
OTHER_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ı": "i",
        "’": "'",
        "ʼ": "'",
        "‘": "'",
    }
)


class Word(NamedTuple):
    """Hold one word: its spelling and every accepted pronunciation, a tuple of phonemes each."""

    spelling: str
    spoken: list[tuple[str, ...]]


class Place(NamedTuple):
    """Hold one place: its name in plain letters, its country's code, and its name as it is written there."""

    name: str
    country: str
    written: str


def plain(text: str) -> str:
    """Return text in small letters without accents: "Übach", "Łódź" and "Iğdır" become "ubach", "lodz", "igdir"."""
    apart = unicodedata.normalize("NFKD", text.lower().translate(OTHER_LETTERS))
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(OTHER_LETTERS)


def pronunciations(part: str, *, stress: bool = False) -> list[Word]:
    """Return the words of `part` (train, validation or test) with their accepted, American, pronunciations.

    `stress=True` keeps the digits behind vowels: 1 first stress, 2 second, 0 none. Source: the CMU Pronouncing
    Dictionary; see data/README.md for the split, which keeps a word and its possessive together.
    """
    rows = _rows("pronunciations", part, without="" if stress else "012")
    return [Word(word, list(dict.fromkeys(tuple(way.split()) for way in ways.split("|")))) for word, ways in rows]


def places(part: str) -> list[Place]:
    """Return the place names of `part` ("train", "validation" or "test"), from the twelve `COUNTRIES` in equal numbers.

    Source: GeoNames, see data/README.md; no name is in two parts or in two countries.
    """
    return [Place(plain(written), country, written) for country, written in _rows("places", part)]


def _rows(name: str, part: str, without: str = "") -> list[list[str]]:
    """Return the columns of every line of data/`name`.txt.gz that belongs to `part`; `without` names signs to drop."""
    if part not in PARTS:
        raise ValueError(f'{name}(part) takes "train", "validation" or "test", got {part!r}')
    path = verified(f"{name}.txt.gz")
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            text = file.read().translate(str.maketrans("", "", without))
    except (EOFError, OSError, ValueError, zlib.error):
        raise ValueError(f"data/{name}.txt.gz cannot be read: {restore(f'{name}.txt.gz')}") from None
    return [line.split("\t")[1:] for line in text.splitlines() if line.startswith(f"{part}\t")]


def encode(sequences: Sequence[Sequence[str]], symbols: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sequences as rows of integers (N, T), and their lengths (N,).

    Symbol i of `symbols` is i + 1, so that 0 is left for what stands behind a sequence's end; T is the longest length.
    """
    number = {symbol: i + 1 for i, symbol in enumerate(symbols)}
    kind = {"dtype": torch.long, "device": "cpu"}
    try:
        numbers = torch.tensor([number[symbol] for sequence in sequences for symbol in sequence], **kind)
    except KeyError as error:
        known = "".join(symbols) if all(len(symbol) == 1 for symbol in symbols) else " ".join(symbols)
        raise ValueError(f"encode knows the symbols {known!r}, got {error.args[0]!r}; `plain` drops accents") from None
    lengths = torch.tensor([len(sequence) for sequence in sequences], **kind)
    rows = torch.zeros(len(sequences), max(map(len, sequences), default=0), **kind)
    rows[torch.arange(rows.shape[1], device="cpu") < lengths[:, None]] = numbers
    return rows, lengths


def decode(row: torch.Tensor, symbols: Sequence[str]) -> list[str]:
    """Return the symbols of one row of integers (T,), up to its first 0."""
    numbers = row.tolist()
    return [symbols[i - 1] for i in numbers[: numbers.index(0) if 0 in numbers else None]]


class SameLength(Sampler):
    """Give lists of at most `batch_size` indices of examples of one length, all in an order drawn anew each time."""

    def __init__(self, lengths: torch.Tensor, *, batch_size: int, seed: int):
        self.lengths, self.batch_size = lengths, batch_size
        self.generator = torch.Generator("cpu").manual_seed(seed)

    def __len__(self) -> int:
        return sum(-(-count // self.batch_size) for count in self.lengths.unique(return_counts=True)[1].tolist())

    def __iter__(self) -> Iterator[list[int]]:
        shuffled = lambda size: torch.randperm(size, generator=self.generator, device="cpu")
        order = shuffled(len(self.lengths))
        order = order[self.lengths[order].argsort(stable=True)]
        groups = order.split(self.lengths.unique(return_counts=True)[1].tolist())
        batches = [batch for group in groups for batch in group.split(self.batch_size)]
        yield from (batches[i].tolist() for i in shuffled(len(batches)))


def loader(*rows: torch.Tensor, batch_size: int, seed: int, labels: torch.Tensor | None = None) -> DataLoader:
    """Return a DataLoader over `rows`, (N, T) each, as `encode` makes them; in a batch the first are all of one length.

    A batch is (x, y): y has the `labels` (N,), or else the last of `rows`; x all of `rows`, or the only one. Columns of
    nothing but 0 are cut off.
    """
    order = SameLength((rows[0] != 0).sum(1), batch_size=batch_size, seed=seed)

    def cut(batch: tuple[torch.Tensor, ...]) -> tuple:
        parts = tuple(part[:, : int((part != 0).any(0).sum())] for part in batch[: len(rows)])
        return (parts if len(parts) > 1 else parts[0]), (parts[-1] if labels is None else batch[-1])

    tensors = rows if labels is None else (*rows, labels)
    return CPULoader(TensorDataset(*tensors), sampler=order, batch_size=None, collate_fn=cut)


def edit_distance(a: Sequence, b: Sequence) -> int:
    """Return the least number of insertions, deletions and replacements that turn a into b (Levenshtein, 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        above, row = row, [i + 1]
        for j, y in enumerate(b):
            row.append(min(above[j] + (x != y), above[j + 1] + 1, row[j] + 1))
    return row[-1]


def errors(said: Sequence[Sequence[str]], words: Sequence[Word]) -> tuple[float, float]:
    """Return the % of phonemes and the % of words said wrongly, each word against its nearest accepted pronunciation.

    Phonemes: edit distances, added up, over the accepted pronunciations' lengths, added up (of two that are equally
    near the longer counts). Words: those that are none of the accepted.
    """
    distance = length = wrong = 0
    for way, word in zip(said, words, strict=True):
        nearest, minus = min((edit_distance(way, right), -len(right)) for right in word.spoken)
        distance, length, wrong = distance + nearest, length - minus, wrong + (nearest > 0)
    return 100 * distance / length, 100 * wrong / len(words)


def errors_by_length(
    said: Sequence[Sequence[str]], words: Sequence[Word], spans: Sequence[tuple[int, int]]
) -> dict[str, float]:
    """Return the % of phonemes said wrongly in the words of each span of lengths, first and last: {"9–11": %, ...}."""
    found = {}
    for low, high in spans:
        which = [i for i, word in enumerate(words) if low <= len(word.spelling) <= high]
        some = [said[i] for i in which], [words[i] for i in which]
        found[f"{low}" if low == high else f"{low}–{high}"] = errors(*some)[0]
    return found


def letter_tables(counts: torch.Tensor) -> list[torch.Tensor]:
    """Return probabilities of the next letter, guessed from none, from one, from two … of the letters before it.

    counts (C, V, …, V) says how often each letter (last) came after each row of letters, in each of C languages. Each
    count is mixed with the guess of the next shorter context (Witten and Bell, 1991), the shortest one with the single
    letters of all languages. Contexts that are too far back have a dimension of 1 in the results, (C, 1, …, V).
    """
    if counts.dim() < 2:
        raise ValueError(
            f"letter_tables counts letters in languages: counts must be (C, V, …, V), got {counts.dim()}-D"
        )
    letters = counts.dim() - 1
    kind = {"dtype": torch.float32, "device": counts.device}
    p, found = torch.full((counts.shape[-1],), 1 / counts.shape[-1], **kind), []
    for far in [range(letters), *[range(1, letters - near) for near in range(letters)]]:
        n = counts.sum(tuple(far), keepdim=True) if far else counts
        total, kinds = n.sum(-1, keepdim=True), (n > 0).sum(-1, keepdim=True)
        p = torch.where(total > 0, (n + kinds * p) / (total + kinds).clamp(min=1), p)
        found.append(p)
    return found[1:]


def contexts(rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return for each letter in rows (N, T): its country, the three letters before it (0: none), itself; (n,) each.

    A row is the number of a country in COUNTRIES, from 1 on, then of letters, which are numbered from the countries on;
    0 is for nothing. Letters are renumbered from 1.
    """
    letters = (rows[:, 1:] - len(COUNTRIES)).clamp(min=0)
    before = F.pad(letters, (3, 0))
    parts = rows[:, :1].expand_as(letters), before[:, :-3], before[:, 1:-2], before[:, 2:-1], letters
    return tuple(part[letters > 0] for part in parts)


def sound_alike(some_words: Sequence[Word], *, apart: int) -> dict[int, list[int]]:
    """Return {i: [j, …]}, the words j that sound as word i does and are spelled at least `apart` edits differently.

    Words are named by their places in `some_words`, and compared by the first of their pronunciations.
    """
    by_sound: dict[tuple, list[int]] = {}
    for i, word in enumerate(some_words):
        by_sound.setdefault(word.spoken[0], []).append(i)
    far = lambda i, j: edit_distance(some_words[i].spelling, some_words[j].spelling) >= apart
    found = {i: [j for j in group if j != i and far(i, j)] for group in by_sound.values() for i in group}
    return {i: others for i, others in found.items() if others}
