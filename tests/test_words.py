"""Words and names: as published, split for good, read into rows of one length, scored as defined."""

import re
from collections import Counter
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import words
from course_utils.words import Word


@pytest.fixture(scope="module")
def dictionary():
    """The words of every part."""
    return {part: words.pronunciations(part) for part in words.PARTS}


@pytest.fixture(scope="module")
def towns():
    """The places of every part."""
    return {part: words.places(part) for part in words.PARTS}


def test_no_word_is_in_two_parts_nor_is_its_possessive(dictionary):
    stems = {part: {re.sub(r"'s?$", "", word.spelling) for word in dictionary[part]} for part in dictionary}
    assert (
        not stems["train"] & stems["test"] | stems["train"] & stems["validation"] | stems["validation"] & stems["test"]
    )
    assert {part: len(dictionary[part]) for part in dictionary} == {"train": 105986, "validation": 6247, "test": 12632}


def test_every_accepted_pronunciation_is_kept_and_made_of_the_39_phonemes(dictionary):
    assert len(words.PHONEMES) == 39
    for word in [word for part in dictionary.values() for word in part]:
        assert 2 <= len(word.spelling) <= 20 and word.spoken and len(set(word.spoken)) == len(word.spoken)
        assert all(way and set(way) <= set(words.PHONEMES) for way in word.spoken)
    known = {word.spelling: word.spoken for part in dictionary.values() for word in part}
    assert known["tomato"] == [("T", "AH", "M", "EY", "T", "OW"), ("T", "AH", "M", "AA", "T", "OW")]


def test_stress_marks_are_there_if_asked_for():
    with_stress = {
        word.spelling: word.spoken for part in words.PARTS for word in words.pronunciations(part, stress=True)
    }
    assert with_stress["tomato"][0] == ("T", "AH0", "M", "EY1", "T", "OW2")


def test_places_are_3000_for_each_country_and_no_name_is_in_two_parts_or_countries(towns):
    every = [place for part in towns.values() for place in part]
    assert Counter(place.country for place in every) == dict.fromkeys(words.COUNTRIES, 3000)
    assert len({place.name for place in every}) == 36_000
    assert all(set(place.name) <= set(words.PLACE_LETTERS) and 3 <= len(place.name) <= 20 for place in every)
    assert all(0.8 < len([p for p in towns["train"] if p.country == c]) / 3000 < 0.9 for c in words.COUNTRIES)


def test_plain_letters_drop_accents_and_spell_out_the_letters_that_have_none():
    assert [words.plain(name) for name in ("Łódź", "Übach", "Iğdır", "İzmir", "Weißig", "A’erla", "Øster Æbelø")] == [
        "lodz", "ubach", "igdir", "izmir", "weissig", "a'erla", "oster aebelo",
    ]  # fmt: skip


def test_a_part_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r'^pronunciations\(part\) takes "train", "validation" or "test", got \'dev\''):
        words.pronunciations("dev")
    with pytest.raises(ValueError, match=r"^places\(part\) takes"):
        words.places("all")


def test_encoding_starts_at_1_fills_with_0_and_is_undone_by_decoding():
    rows, lengths = words.encode(["ab", "c"], "abc")
    assert rows.tolist() == [[1, 2], [3, 0]] and lengths.tolist() == [2, 1]
    assert [words.decode(row, "abc") for row in rows] == [["a", "b"], ["c"]]
    with pytest.raises(ValueError, match=r"^encode knows the symbols 'abc', got 'é'; `plain` drops accents$"):
        words.encode(["é"], "abc")


def test_a_batch_holds_words_of_one_length_and_every_word_comes_once_in_an_order_of_its_own():
    spellings = [w.spelling for w in words.pronunciations("validation")[:500]]
    rows = words.encode(spellings, words.LETTERS)[0]
    loader = words.loader(rows, batch_size=64, seed=3)
    epochs = [[x for x, _ in loader] for _ in range(2)]
    assert len(epochs[0]) == len(loader) and all((x != 0).all() and len(x) <= 64 for x in epochs[0])
    seen = [["".join(words.decode(row, words.LETTERS)) for x in epoch for row in x] for epoch in epochs]
    assert sorted(seen[0]) == sorted(seen[1]) == sorted(spellings) and seen[0] != seen[1]
    again = [
        "".join(words.decode(row, words.LETTERS)) for x, _ in words.loader(rows, batch_size=64, seed=3) for row in x
    ]
    assert again == seen[0]


def test_of_several_rows_the_batch_holds_all_and_asks_for_the_last():
    first, second = torch.tensor([[1, 2, 0], [3, 4, 0]]), torch.tensor([[5, 0, 0], [6, 7, 0]])
    ((x, y),) = words.loader(first, second, batch_size=2, seed=0)
    assert x[0].shape == (2, 2) and torch.equal(x[1], y) and sorted(y.tolist()) == [[5, 0], [6, 7]]


def test_labels_go_with_their_rows():
    rows, labels = torch.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6], [7, 0, 0]]), torch.tensor([0, 1, 2, 3])
    batches = list(words.loader(rows, labels=labels, batch_size=2, seed=0))
    assert len(batches) == 3 and all((x != 0).all() for x, _ in batches)
    assert sorted((y, x) for xs, ys in batches for x, y in zip(xs.tolist(), ys.tolist(), strict=True)) == [
        (0, [1, 2]), (1, [3]), (2, [4, 5, 6]), (3, [7])
    ]  # fmt: skip


@cache
def slowly(a, b):
    """The edit distance from its definition, tried in every way."""
    if not a or not b:
        return len(a) + len(b)
    return min(slowly(a[1:], b[1:]) + (a[0] != b[0]), slowly(a[1:], b) + 1, slowly(a, b[1:]) + 1)


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_the_edit_distance_is_that_of_its_definition(a, b):
    assert words.edit_distance(a, b) == slowly(a, b) == words.edit_distance(b, a)


def test_errors_are_counted_against_the_nearest_accepted_pronunciation():
    tomato = Word("tomato", [tuple("TAMEITO"), tuple("TAMATO")])
    cat = Word("cat", [("K", "AE", "T")])
    assert words.errors([tuple("TAMATO"), ("K", "AE", "T")], [tomato, cat]) == (0.0, 0.0)
    # one wrong of 6 sounds of the second way, two missing of 3: 3 of 9; both words wrong
    assert words.errors([tuple("TAMATU"), ("K",)], [tomato, cat]) == (pytest.approx(100 * 3 / 9), 100.0)
    assert words.errors([(), ("K", "AE", "T")], [tomato, cat]) == (pytest.approx(100 * 6 / 9), 50.0)


def test_errors_by_length_are_those_of_the_words_of_each_span():
    some = [
        words.Word("cat", [("K", "AE", "T")]),
        words.Word("bird", [("B", "ER", "D")]),
        words.Word("is", [("IH", "Z")]),
    ]
    said = [("K", "AE", "T"), ("B", "ER", "T"), ("IH",)]
    assert words.errors_by_length(said, some, [(2, 2), (3, 4)]) == {"2": 50.0, "3–4": pytest.approx(100 / 6)}


def test_letter_tables_mix_each_count_with_the_next_shorter_context():
    counts = torch.tensor([[[0.0, 3.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])  # (2 languages, before, next)
    single, pairs = words.letter_tables(counts)
    everywhere = [(1 + 2 * 0.5) / (4 + 2), (3 + 2 * 0.5) / (4 + 2)]  # 1 and 3 of 4, 2 kinds, mixed with halves
    first = torch.tensor([(1 + 2 * everywhere[0]) / 6, (3 + 2 * everywhere[1]) / 6])
    assert torch.allclose(single, torch.stack([first, torch.tensor(everywhere)])[:, None])
    assert torch.allclose(
        pairs[0], torch.stack([(torch.tensor([0, 3.0]) + first) / 4, (torch.tensor([1, 0.0]) + first) / 2])
    )
    assert torch.allclose(pairs[1], torch.tensor([everywhere, everywhere]))  # never counted: the shorter guess
    many = torch.rand(2, 4, 4, 4).mul(3).floor()
    assert all(torch.allclose(p.sum(-1), torch.ones(())) and p.min() > 0 for p in words.letter_tables(many))
    with pytest.raises(ValueError, match="counts must be"):
        words.letter_tables(torch.ones(3))


def test_each_letter_has_its_country_and_the_three_letters_before_it():
    first = len(words.COUNTRIES)
    rows = torch.tensor([[2, first + 5, first + 7, first + 1, first + 9], [12, first + 30, first + 4, 0, 0]])
    expected = [
        (2, 0, 0, 0, 5),
        (2, 0, 0, 5, 7),
        (2, 0, 5, 7, 1),
        (2, 5, 7, 1, 9),
        (12, 0, 0, 0, 30),
        (12, 0, 0, 30, 4),
    ]
    assert list(zip(*[part.tolist() for part in words.contexts(rows)], strict=True)) == expected


def test_words_that_sound_alike_are_found_by_their_sound_and_the_distance_of_their_spellings():
    night, knight, nite, tie = (("N", "AY", "T"),), (("N", "AY", "T"), ("K",)), (("N", "AY", "T"),), (("T", "AY"),)
    some = [Word("night", night), Word("tie", tie), Word("knight", knight), Word("nite", nite)]
    assert words.sound_alike(some, apart=1) == {0: [2, 3], 2: [0, 3], 3: [0, 2]}
    assert words.sound_alike(some, apart=3) == {0: [3], 2: [3], 3: [0, 2]}  # n-ight to n-ite: 3 edits
    assert words.sound_alike(some, apart=5) == {}
