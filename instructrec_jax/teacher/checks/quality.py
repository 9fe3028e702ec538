"""The paper's four quality questions, answered by rules on a sample.

In InstructRec, people read 100 preferences and 100 intentions. Rules that count
words do not replace such a reading. They show when something has gone wrong,
and they compare teachers with each other. A language model can be asked too,
see `judge`.
"""

from typing import Any

import polars as pl

from instructrec_jax.teacher.protocol import (
  FAULT,
  INSTANCE,
  JUDGEMENT,
  Teacher,
)

# The share of texts that people answered with yes (arXiv 2305.07001).
PAPER = {
  "preference": (0.93, 0.87, 0.88, 0.48),
  "vague_intention": (0.90, 0.22, 0.69, 0.69),
}
_WORD = r"[a-z][a-z'-]{2,}|\d+"
_STOP = (
  "the|and|for|with|that|this|from|have|has|had|was|were|are|but|not|you|your|"
  "its|they|them|their|what|which|who|whom|when|where|how|than|then|some|any|"
  "all|more|most|very|just|also|too|can|could|would|will|should|into|out|over|"
  "own|one|two|our|mine|she|him|her|his|am|been|being|did|does|about"
)
# Words of wanting and liking, which need not come from the information.
_FRAME = (
  "looking|look|need|needs|want|wants|something|someone|somebody|like|likes|"
  "find|give|keep|coming|back|taste|runs|interest|interests|enjoy|first|name|"
  "return|trust|often|mostly|tend|usually|spend|lately|turned|latest|choices|"
  "prefer|prefers|love|favourite|recent|times|happy|happiest|after|above|care"
)
_NEED = (
  r"(?i)\b(?:need|want|look(?:ing)? for|would like|after|find|search(?:ing)?|"
  r"give|could i|prefer|enjoy|taste|interest|love|like|follow|trust|return|"
  r"keep|fond|drawn|care|suggest|is there|just right)\b"
)
# A text comes from the information if it has this share of the content words.
_SUPPORT = 0.5


def proxies(sample: pl.DataFrame) -> dict[str, float]:
  """Returns the share of texts for which each question is answered with yes.

  - comes_from_information: it has half of the content words or more.
  - adds_knowledge: a content word is not in the information.
  - reflects_need: the text says that something is wanted or liked, and has a
    content word.
  - related_to_target: the text shares a content word with the target.

  Args:
    sample: `text`, `information`, `target`: String.
  """
  told, known, target = (
    _content(pl.col(name)) for name in ("text", "information", "target")
  )
  words = sample.select(
    "text", told=told, known=known, target=target
  ).with_columns(
    all=pl.col("told").list.len(),
    shared=pl.col("told").list.set_intersection("known").list.len(),
    related=pl.col("told").list.set_intersection("target").list.len(),
  )
  shares = words.select(
    comes_from_information=pl.col("shared") >= _SUPPORT * pl.col("all"),
    adds_knowledge=pl.col("shared") < pl.col("all"),
    reflects_need=pl.col("text").str.contains(_NEED) & (pl.col("all") >= 1),
    related_to_target=pl.col("related") > 0,
  ).mean()
  return {k: round(v, 3) for k, v in shares.row(0, named=True).items()}


def judge(teacher: Teacher, sample: pl.DataFrame) -> dict[str, Any]:
  """Returns the same shares, answered by a language model.

  Args:
    teacher: answers a JUDGEMENT request for each text.
    sample: as for `proxies`.

  Returns:
    The share of yes for each question, and counts `judged` and `not_judged`.
  """
  requests = sample.select("text", "information", "target").with_row_index(
    INSTANCE
  )
  answers = pl.concat(teacher.answer(JUDGEMENT, [requests]))
  good = answers.filter(pl.col(FAULT).is_null())
  shares = {
    name: round(float((good[name] == "yes").mean()), 3) if good.height else None
    for name in JUDGEMENT.outputs
  }
  return shares | {
    "judged": good.height,
    "not_judged": answers.height - good.height,
  }


def in_the_paper(field: str) -> dict[str, float]:
  """Returns the paper's shares for a field, if people read its texts."""
  return dict(zip(JUDGEMENT.outputs, PAPER.get(field, ()), strict=False))


def _content(text: pl.Expr) -> pl.Expr:
  """Returns the distinct content words, without a plural's s."""
  return (
    text.fill_null("")
    .str.to_lowercase()
    .str.extract_all(_WORD)
    .list.eval(
      pl.element()
      .filter(~pl.element().str.contains(f"^(?:{_STOP}|{_FRAME})$"))
      .str.replace(r"(?:'s|s)$", "")
      .unique()
    )
  )
