"""A table of InstructRec's 39 templates, in our own words, and one of ours.

A row is a template of the paper's appendix A. Group A has preferences, group B
intentions, group C both; group X is ours. A row serves one or several families.
It has wordings to train on and a held-out wording, which tests whether a model
has learnt the task or the sentence. A clause in [brackets] is kept only for
families that have its slots; it is the optional preference of the paper's
templates. Of <words|others>, the first are for data with an order in time, and
the others for data without one. Titles and labels that end a sentence get a
full stop.

Slots:
  {history}     titles of the user's items so far, oldest first
  {candidates}  titles to choose from
                (both are lists: "Title one; Title two; Title three")
  {preference}  the user's preference, in a sentence
  {need}        the family's intention, or else the preference
  {item}        the title in question; the target if the family does not rank
  {other}       the title that {item} is compared with
  {target}      the title that was in fact next (outputs only)
  {answer}      yes or no: was {item} next? (outputs only)
"""

import itertools
from collections.abc import Mapping

from instructrec_jax.instructions import (
  combined_wordings,
  intention_wordings,
  preference_wordings,
)
from instructrec_jax.instructions.rows import Row

# The paper defines the pairwise form but has no template for it.
PAIRWISE = (
  Row(
    "X1",
    ("p1_i0_t1",),
    "{target}",
    (
      "A customer's purchases<, from the oldest to the newest|>: {history} "
      "Which "
      "will they want <next|too>, {item} or {other}? Give its title.",
      "Someone has chosen the following so far: {history} Only one of these "
      "two suits this person: {item} or {other}. Say which.",
    ),
    "Compare {item} with {other} for a user whose picks until now are: "
    "{history} Name the one that <comes next|belongs to them>.",
  ),
)

# The paper's groups: A, B, C.
GROUPS: Mapping[str, tuple[Row, ...]] = {
  "preference": preference_wordings.ROWS,
  "intention": intention_wordings.ROWS,
  "combined": combined_wordings.ROWS,
}
PAPER = tuple(itertools.chain(*GROUPS.values()))
ROWS = (*PAPER, *PAIRWISE)
