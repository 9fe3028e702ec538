"""The table of pairs against the paper's, and what is said of each."""

import re

import pytest

from instructrec_jax.data.sources import SOURCES
from instructrec_jax.itdr import domains, pairs, wordings

# Table 2 of arXiv 2508.05667, by hand.
_PAPER = {
  "rating_prediction": 22_830,
  "top_k": 42_776,
  "cross_domain": 4_118,
  "next_item": 24_580,
  "user_attributes": 25_733,
  "interests": 18_728,
  "target_users": 56_300,
}


def test_sizes_are_the_papers():
  assert len(pairs.PAIRS) == 33
  assert len({pair.dataset for pair in pairs.PAIRS.values()}) == 13
  by_subtask = dict.fromkeys(_PAPER, 0)
  for pair in pairs.PAIRS.values():
    by_subtask[pair.subtask] += pair.size
  assert by_subtask == _PAPER
  assert sum(_PAPER.values()) == 195_065


def test_every_dataset_has_a_source():
  known = set()
  for source in SOURCES.values():
    members = [source.of(name) for name in source.categories] or [source]
    known |= {member.dataset for member in members}
  used = {
    table for domain in domains.DOMAINS.values() for table in domain.tables
  }
  assert used
  assert used <= known


@pytest.mark.parametrize("name", pairs.PAIRS)
def test_all_wordings_have_all_slots_and_nothing_else(name):
  pair = pairs.PAIRS[name]
  said = wordings.asked(pair)
  assert len(said) == len(set(said)) >= 3
  for text in said:
    slots = re.findall(r"\{(\w+)\}", text)
    assert {*slots} == {*wordings.slots_of(pair)}, text
    assert not re.search(r"[\[\]]|  |\{\W", text), text
  description = wordings.description(pair)
  assert not re.search(r"[\[\]{}]|  ", description)
  thing = re.search(rf"\b{pair.domain.thing}", " ".join([description, *said]))
  assert thing


def test_groups_are_the_mixtures():
  groups = pairs.groups()
  assert len(groups[""]) == 33
  assert set(groups) == {"", "interaction", "understanding", *pairs.SUBTASKS}
  assert len(groups["interaction"]) == 16
  assert len(groups["understanding"]) == 17


def test_scales_have_all_ratings_and_write_them_as_they_are():
  half = domains.DOMAINS["ml_32m"].scale
  assert [half.text(r) for r in half.ratings] == [
    "0.5", "1.0", "1.5", "2.0", "2.5", "3.0", "3.5", "4.0", "4.5", "5.0"
  ]  # fmt: skip
  whole = domains.DOMAINS["anime_2023"].scale
  assert [whole.text(r) for r in whole.ratings] == [
    str(n) for n in range(1, 11)
  ]
