"""InstructRec's 39 templates, in our own words, and one of ours: a table.

A row is a template of the paper's appendix A: group A tells of preferences, B
of intentions, C of both; group X is ours. It serves one family or several, and
has wordings to train on and one that is held out, to test whether a model has
learnt the task or the sentence. What stands in [brackets] is said only of a
family that its slots belong to: the optional taste of the paper's templates.
Titles and labels get a stop where the sentence does not go on after them.

Slots:
  {history}     titles of what the user has had so far, oldest first
  {candidates}  titles to choose from
                (both as a list: "Title one; Title two; Title three")
  {preference}  the user's taste, in a sentence
  {need}        what is looked for: the family's intention, or else the taste
  {item}        the title in question: the target where nothing is ranked
  {other}       the title that it is compared with
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

# Pairwise, which the paper defines and has no template of.
PAIRWISE = (
  Row(
    "X1",
    ("p1_i0_t1",),
    "{target}",
    (
      "A customer's purchases, from the oldest to the newest: {history} Which "
      "will they want next, {item} or {other}? Give its title.",
      "Someone has chosen the following so far: {history} Only one of these "
      "two suits this person: {item} or {other}. Say which.",
    ),
    "Compare {item} with {other} for a user whose picks until now are: "
    "{history} Name the one that comes next.",
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
