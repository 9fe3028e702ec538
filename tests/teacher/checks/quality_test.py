"""The paper's four questions, by hand."""

import polars as pl

from instructrec_jax.teacher.checks import quality
from instructrec_jax.teacher.protocol import FAULT, INSTANCE, JUDGEMENT

_SAMPLE = pl.DataFrame(
  {
    "text": [
      "I want a sturdy tent for camping.",
      "Purple elephants dance.",
    ],
    "information": ["A sturdy tent, for camping in rain.", "A red ball."],
    "target": ["Lakeside Tents", "Elephant Puzzle"],
  }
)


def test_shares_are_of_content_words():
  """Of the first all are known, and one is the target's; of the second none."""
  assert quality.proxies(_SAMPLE) == {
    "comes_from_information": 0.5,
    "adds_knowledge": 0.5,
    "reflects_need": 0.5,
    "related_to_target": 1.0,
  }


def test_a_judge_s_shares_are_of_what_it_answered():
  class Judge:
    def answer(self, kind, batches):
      assert kind is JUDGEMENT
      for batch in batches:
        yield pl.DataFrame(
          {
            INSTANCE: batch[INSTANCE],
            **{name: ["yes", None] for name in JUDGEMENT.outputs},
            FAULT: [None, "refusal"],
          }
        )

  found = quality.judge(Judge(), _SAMPLE)
  assert found == dict.fromkeys(JUDGEMENT.outputs, 1.0) | {
    "judged": 1, "not_judged": 1,
  }  # fmt: skip


def test_the_paper_tells_of_texts_that_people_read():
  assert quality.in_the_paper("preference")["comes_from_information"] == 0.93
  assert quality.in_the_paper("specific_intention") == {}
