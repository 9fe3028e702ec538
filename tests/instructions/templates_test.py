import collections
import itertools
import re

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.instructions import mixing, templates, wordings
from instructrec_jax.instructions.families import FAMILIES, family_of
from instructrec_jax.instructions.rows import Row
from instructrec_jax.instructions.templates import Template


def test_the_table_has_the_paper_s_templates():
  """InstructRec, table 2 and appendix A: 17, 9 and 13, of these forms."""
  counts = {name: len(rows) for name, rows in wordings.GROUPS.items()}
  assert counts == {"preference": 17, "intention": 9, "combined": 13}
  ids = [row.id for row in wordings.ROWS]
  assert ids == [
    *(f"A{i}" for i in range(1, 18)),
    *(f"B{i}" for i in range(1, 10)),
    *(f"C{i}" for i in range(1, 14)),
    "X1",
  ]
  kinds = collections.Counter()
  for row in wordings.PAPER:
    [kind] = {_kind(FAMILIES[name]) for name in row.families}
    kinds[kind] += 1
  assert kinds == {
    "t2": 15,
    "t3": 12,
    "t0": 2,
    "turned around": 7,
    "chain of thought": 1,
    "relatedness": 2,
  }


def _kind(family):
  if family.form != "text":
    return family.form
  read, written = set(family.inputs), set(family.outputs)
  if written == {"p2", "item"}:
    return "chain of thought"
  need = {"i1", "i2"}
  if (
    "item" in read | written
    and "p1" in read | written
    and (
      (read & need and "item" in read) or (written & need and "item" in written)
    )
  ):
    return "relatedness"
  return "turned around"


def test_names_are_unique_and_say_the_family():
  names = [t.name for t in templates.TEMPLATES]
  assert len(set(names)) == len(names)
  assert all(t.name.startswith(f"{t.family}/") for t in templates.TEMPLATES)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_wordings_to_train_on_and_others_to_test_on(family):
  seen = templates.templates_of(family)
  unseen = templates.templates_of(family, held_out=True)
  assert len(seen) >= 2
  assert unseen
  texts = [t.inputs for t in (*seen, *unseen)]
  assert len(set(texts)) == len(texts)


def test_every_wording_reads_as_a_sentence():
  for t in templates.TEMPLATES:
    for text in (t.inputs, t.output):
      assert text == " ".join(text.split())
      assert not set("[]") & set(text)
      assert " ." not in text
      assert " ," not in text
    assert t.inputs[0].isupper() or t.inputs.startswith("{"), t


def test_an_optional_clause_is_said_of_the_families_that_it_belongs_to():
  row = Row(
    "Z1",
    ("p1_i0_t2", "p1p2_i0_t2"),
    "{target}",
    ("Had: {history} [They say: {preference}] Next?",),
    "After {history} [and given that {preference}] what?",
  )
  found = {t.name: t.inputs for t in templates.expand(row)}
  assert found == {
    "p1_i0_t2/Z1.0": "Had: {history}. Next?",
    "p1_i0_t2/Z1.held_out": "After {history} what?",
    "p1p2_i0_t2/Z1.0": "Had: {history}. They say: {preference} Next?",
    "p1p2_i0_t2/Z1.held_out": (
      "After {history} and given that {preference} what?"
    ),
  }


def test_what_is_needed_is_the_intention_or_else_the_taste():
  row = Row(
    "Z2",
    ("p2_i0_t2", "p0_i1_t2", "p0_i2_t2"),
    "{target}",
    ("Wanted: {need} Which?",),
    "Which suits {need} ?",
  )
  # Preferences and vague intentions are sentences; labels are not.
  assert [t.inputs for t in templates.expand(row) if not t.held_out] == [
    "Wanted: {preference} Which?",
    "Wanted: {vague_intention} Which?",
    "Wanted: {specific_intention}. Which?",
  ]


@pytest.mark.parametrize(
  ("inputs", "output", "message"),
  [
    ("{histroy} Next?", "{target}", "Did you mean 'history'"),
    ("What next?", "{target}", "slots ['history'], but the text has []"),
    ("{history} {item} ?", "{target}", "but the text has ['history', 'item']"),
    ("{history} or {history} ?", "{target}", "expected {history} or"),
    ("Had: {history}, next?", "{target}", "between spaces or at an end"),
    ("Had:{history} Next?", "{target}", "between spaces or at an end"),
    ("{history} Next?", "it is", "expected one of ('target', 'answer'"),
    ("{history} Next?", "{item}", "unknown slot in template 'x/0'"),
  ],
)
def test_a_template_that_cannot_be_filled_is_refused(inputs, output, message):
  with pytest.raises(InputError) as error:
    Template("x/0", "p1_i0_t2", inputs, output)
  assert message in str(error.value)


def test_an_unknown_family_gets_near_names():
  with pytest.raises(InputError, match="Did you mean 'p1_i0_t3'"):
    templates.templates_of("p1_i0_t33")
  with pytest.raises(InputError, match="Did you mean 'p1_i0_t3'"):
    Template("x/0", "p1_i0_t33", "{history} Next?", "{target}")


def test_a_family_s_name_says_what_is_told_and_what_looks_at_the_target():
  for name, family in FAMILIES.items():
    assert family_of(name) is family
    for part, field in (("i1", "vague_"), ("i2", "specific_")):
      named = any(f.startswith(field) for f in family.fields)
      assert named == (part in name.replace("_to_", "_").split("_"))
    assert ("preference" in family.fields) == ("p2" in name)


def test_the_rates_count_each_template_of_the_paper_once():
  rates = mixing.paper_rates()
  assert rates.keys() == FAMILIES.keys()
  assert sum(rates.values()) == pytest.approx(40)
  assert rates["p1_i0_t1"] == 1
  assert rates["p1_i0_t0"] == 2
  by_form = collections.Counter()
  for name, rate in rates.items():
    by_form[FAMILIES[name].form] += rate
  assert by_form == {
    "t0": pytest.approx(2),
    "t1": pytest.approx(1),
    "t2": pytest.approx(15),
    "t3": pytest.approx(12),
    "text": pytest.approx(10),
  }


@pytest.mark.parametrize(
  ("function", "given", "message"),
  [
    (mixing.family_rates, {"p1_i0_t9": 1}, "unknown family in family_rates"),
    (mixing.instances_per_user, {"p1_t3": 1}, "family in instances_per_user"),
    (mixing.instances_per_user, {"p1_i0_t3": 0}, "expected at least 1"),
  ],
)
def test_rates_and_limits_of_what_is_not_there_are_refused(
  function, given, message
):
  with pytest.raises(InputError, match=message):
    function(given)


def test_given_rates_leave_the_others_out():
  rates = mixing.family_rates({"p1_i0_t3": 2, "p1_i1_t3": 1})
  assert {k: v for k, v in rates.items() if v} == {
    "p1_i0_t3": 2,
    "p1_i1_t3": 1,
  }
  assert list(itertools.islice(rates, 3)) == list(FAMILIES)[:3]


# What a text says that takes the data to have an order in time.
_IN_TIME = re.compile(
  r"\b(newest|latest|oldest|next|last|sequence|purchases in order|lately)\b"
)


def test_wordings_for_data_without_an_order_name_none():
  changed = 0
  for template in templates.TEMPLATES:
    plain = template.worded(ordered=False)
    assert not _IN_TIME.search(plain.inputs.lower()), plain.inputs
    assert template.worded(ordered=True) is template
    changed += plain.inputs != template.inputs
  assert changed >= 30
