"""A dataset's statistics as one HTML file, from templates/describe.html.j2."""

import jinja2
import markupsafe

from instructrec_jax.describe import tables
from instructrec_jax.describe.numbers import Numbers
from instructrec_jax.report import figures


def render(numbers: Numbers) -> str:
  """Returns the page."""
  environment = jinja2.Environment(
    # The page shares the report's style.
    loader=jinja2.ChoiceLoader(
      [
        jinja2.PackageLoader("instructrec_jax.describe"),
        jinja2.PackageLoader("instructrec_jax.report"),
      ]
    ),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  return environment.get_template("describe.html.j2").render(
    title=tables.title(numbers),
    sections=tables.sections(numbers),
    splits=list(numbers.records),
    instances=_instances(numbers),
    tokens=_tokens(numbers),
  )


def _instances(numbers: Numbers) -> markupsafe.Markup:
  return markupsafe.Markup(
    figures.stacked(
      "Instances by family",
      [family.name for family in numbers.families],
      {
        split: [family.instances[split] for family in numbers.families]
        for split in numbers.records
      },
      "instances",
    )
  )


def _tokens(numbers: Numbers) -> list[tuple[str, markupsafe.Markup]]:
  """Returns charts of inputs and targets, or none if nothing is rendered."""
  shown = [family for family in numbers.families if family.rendered]
  if not shown:
    return []
  drawn = []
  for what, limit in numbers.lengths.items():
    spreads = [getattr(family.rendered, what) for family in shown]
    drawn.append(
      (
        what,
        markupsafe.Markup(
          figures.against_limit(
            f"Tokens of {what} by family",
            [family.name for family in shown],
            [spread.mean for spread in spreads],
            [spread.largest for spread in spreads],
            limit,
            "tokens",
          )
        ),
      )
    )
  return drawn
