import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.instructions import templates
from instructrec_jax.instructions.templates import Template


def test_names_are_unique_and_say_the_family():
  names = [t.name for t in templates.TEMPLATES]
  assert len(set(names)) == len(names)
  assert all(t.name.startswith(f"{t.family}/") for t in templates.TEMPLATES)


@pytest.mark.parametrize("family", templates.FAMILIES)
def test_every_family_has_several_wordings_of_one_form(family):
  of_family = templates.templates_of(family)
  assert len(of_family) >= 3
  assert len({t.inputs for t in of_family}) == len(of_family)
  slots = {frozenset(templates.slots(t.inputs)) for t in of_family}
  expected = {
    "p1_i0_t0": {"history", "item"},
    "p1_i0_t1": {"history", "item", "other"},
    "p1_i0_t2": {"history"},
    "p1_i0_t3": {"history", "candidates"},
  }
  assert slots == {frozenset(expected[family])}


@pytest.mark.parametrize(
  ("inputs", "output", "message"),
  [
    ("{histroy} Next?", "{target}", "Did you mean 'history'"),
    ("What next?", "{target}", "expected {history} once"),
    ("{history} or {history} ?", "{target}", "expected {history} once"),
    ("Had: {history}. Next?", "{target}", "a blank or the text's end"),
    ("{history} Next?", "it is", "expected one of ('target', 'answer')"),
    ("{history} Next?", "{item}", "unknown slot in template 'x/0'"),
  ],
)
def test_a_template_that_cannot_be_filled_is_refused(inputs, output, message):
  with pytest.raises(InputError) as error:
    Template("x/0", "x", inputs, output)
  assert message in str(error.value)


def test_an_unknown_family_gets_near_names():
  with pytest.raises(InputError, match="Did you mean 'p1_i0_t3'"):
    templates.templates_of("p1_i0_t33")
