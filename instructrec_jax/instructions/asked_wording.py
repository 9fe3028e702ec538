"""The wording that an evaluation asks in, if it asks in one only."""

from collections.abc import Sequence

import gin

from instructrec_jax.errors import unknown
from instructrec_jax.instructions.templates import Template, templates_of


@gin.configurable(module="instructrec_jax")
def asked_wording(name: str | None = None) -> str | None:
  """Returns the name of the wording that all requests are asked in.

  Args:
    name: a template's name without its family, such as A7.0. None draws one
      for each request.
  """
  return name


def chosen(templates: Sequence[Template]) -> tuple[Template, ...]:
  """Returns the template of `asked_wording`, or all if it names none.

  Args:
    templates: those of one family.

  Raises:
    InputError: the family has no such template.
  """
  name = asked_wording()
  if name is None:
    return tuple(templates)
  found = tuple(t for t in templates if short(t) == name)
  if not found:
    family = templates[0].family if templates else "a family"
    raise unknown(f"template of {family}:", name, map(short, templates))
  return found


def short(template: Template) -> str:
  """Returns a template's name without its family."""
  return template.name.partition("/")[2]


def names_of(family: str, held_out: bool = False) -> list[str]:
  """Returns the names of a family's wordings; see `templates_of`."""
  return [short(t) for t in templates_of(family, held_out=held_out)]
