"""One wording for all requests of an evaluation."""

import gin
import pytest
import seqio

from instructrec_jax.errors import InputError
from instructrec_jax.instructions import asked_wording
from instructrec_jax.instructions.templates import templates_of

_TASK = "instructrec_small_p1_i0_t3"


def _asked(name):
  with gin.unlock_config():
    gin.bind_parameter("asked_wording.name", name)
  ds = seqio.get_mixture_or_task(_TASK).get_dataset(
    None, split="test", shuffle=False, seed=0
  )
  return list(ds.as_numpy_iterator())


def test_all_requests_are_asked_in_the_wording_that_is_named(small):
  drawn = _asked(None)
  assert len({e["template"] for e in drawn}) > 1
  names = asked_wording.names_of("p1_i0_t3")
  assert len(names) == len(templates_of("p1_i0_t3")) > 1
  for name in names[:2]:
    asked = _asked(name)
    assert {e["template"].decode() for e in asked} == {f"p1_i0_t3/{name}"}
    # Nothing else of a request is another.
    for one, other in zip(asked, drawn, strict=True):
      assert one["instance"] == other["instance"]
      assert one["candidate_items"].tolist() == (
        other["candidate_items"].tolist()
      )


def test_a_wording_of_another_family_is_refused(small):
  with gin.unlock_config():
    gin.bind_parameter("asked_wording.name", "B1.0")
  with pytest.raises(InputError, match=r"template of p1_i0_t3: 'B1.0'.*A7"):
    asked_wording.chosen(templates_of("p1_i0_t3"))
