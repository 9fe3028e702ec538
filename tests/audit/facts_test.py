import numpy as np
import pytest

from instructrec_jax.audit.facts import Facts, is_in
from instructrec_jax.data.names import records_dir
from instructrec_jax.data.records import read
from tests.audit import made_up


def _with_ids(*ids):
  return made_up.facts([0], [[0]], [[]], item_id=ids)


@pytest.mark.parametrize(
  ("ids", "places"),
  [
    (("10", "9", "100"), [1, 0, 2]),
    (("i10", "i9", "a100"), [2, 1, 0]),
    # An id without a number: all are texts.
    (("B10", "B9", "BX"), [0, 1, 2]),
    (("0425115801", "034545104X"), [1, 0]),
  ],
)
def test_ids_have_the_order_of_their_numbers(ids, places):
  assert _with_ids(*ids).id_places.tolist() == places


def test_absent_candidates_are_neither_items_nor_targets():
  facts = made_up.facts(
    [2, 0], [[2, 1, 0], [0, -1, -1]], [[], []], title=["A", "B", "C"]
  )
  assert facts.mask.tolist() == [[True] * 3, [True, False, False]]
  assert facts.relevant.tolist() == [
    [True, False, False],
    [True, False, False],
  ]


def test_several_candidates_may_be_relevant():
  facts = made_up.facts(
    [2, 0],
    [[2, 1, 0], [0, 1, 2]],
    [[], []],
    relevant=[[2, 0], [0]],
    title=["A", "B", "C"],
  )
  assert facts.relevant.tolist() == [[True, False, True], [True, False, False]]


def test_the_last_item_of_each_history():
  facts = made_up.facts(
    [0] * 3, [[0]] * 3, [[1, 2], [], [0]], title=list("ABC")
  )
  assert facts.last.tolist() == [2, -1, 0]


def test_shares_of_title_words_by_hand():
  titles = ["Red Car", "The red, RED bus", "***"]
  facts = made_up.facts([0, 1], [[0, 1, 2]] * 2, [[], []], title=titles)
  said = facts.words(facts.catalogue["title"].new_from_index(0, 0))
  assert said.offsets.tolist() == [0]
  words = facts.words(facts.catalogue["title"])
  assert words.counts.tolist() == [2, 3, 0]
  # The first request gives the words of "Red Car", the second those of none.
  at, codes = words.of(np.array([0, 2]))
  np.testing.assert_allclose(
    facts.share_of_title(at, codes), [[1, 1 / 3, 0], [0, 0, 0]]
  )


def test_membership_by_numpy():
  rng = np.random.default_rng(0)
  values, among = (
    rng.integers(0, 50, (20, 5)),
    np.unique(rng.integers(0, 50, 9)),
  )
  np.testing.assert_array_equal(is_in(values, among), np.isin(values, among))
  assert not is_in(values, among[:0]).any()


def test_records_are_read_and_so_is_a_sample_of_them(small_data):
  whole = Facts.load(small_data, "small", "", "test")
  columns = read.read_split(records_dir(small_data, "small"), "test")
  np.testing.assert_array_equal(whole.requests.target, columns["target"])
  told = [text.decode() for text in columns["preference"]]
  assert whole.texts["preference"].to_list() == told
  some = Facts.load(small_data, "small", "", "test", first=7)
  assert len(some.requests) == 7
  rows = np.searchsorted(whole.requests.instance, some.requests.instance)
  # A sample of the whole split and not the first users.
  assert rows.max() > 7
  np.testing.assert_array_equal(
    whole.requests.target[rows], some.requests.target
  )
