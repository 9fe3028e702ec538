"""The tables' columns."""

from instructrec_jax import schema
from instructrec_jax.teacher.protocol import INTENTION, PREFERENCE


def test_fields_say_whether_they_look_at_the_target():
  free = {n for n, c in schema.ANNOTATIONS.items() if not c.looks_at_target}
  assert free == {"user", "position", "preference"}
  for kind in (PREFERENCE, INTENTION):
    for name in kind.outputs:
      assert schema.ANNOTATIONS[name].looks_at_target == kind.looks_at_target
