"""What a model wrote: texts, or why it is none."""

import json

import pytest

from instructrec_jax.teacher.asked import answer
from instructrec_jax.teacher.protocol import INTENTION, JUDGEMENT, PREFERENCE

_TWO = {"vague_intention": "A  gift\nfor her.", "vague_intention_2": "A gift."}
_READ = {"vague_intention": "A gift for her.", "vague_intention_2": "A gift."}


@pytest.mark.parametrize(
  "content",
  [
    json.dumps(_TWO),
    f"```json\n{json.dumps(_TWO)}\n```",
    f"Here you are:\n```\n{json.dumps(_TWO)}\n```\nIs it right?",
    f"Sure! {json.dumps(_TWO)} Done.",
  ],
)
def test_an_object_is_found_whatever_is_around_it(content):
  assert answer.parse(INTENTION, content) == (_READ, None)


@pytest.mark.parametrize(
  ("content", "reason"),
  [
    ("", answer.MALFORMED),
    ("[1, 2]", answer.MALFORMED),
    ('{"preference": ""}', answer.MALFORMED),
    ('{"preference": 3}', answer.MALFORMED),
    ('{"preferences": "Tea."}', answer.MALFORMED),
    ("I'm sorry, but I cannot.", answer.REFUSED),
    ("As an AI language model I have no taste.", answer.REFUSED),
    ('{"preference": "I cannot tell."}', answer.REFUSED),
  ],
)
def test_what_is_no_answer_has_a_reason(content, reason):
  assert answer.parse(PREFERENCE, content) == (None, reason)


def test_judgements_are_yes_or_no():
  yes = dict.fromkeys(JUDGEMENT.outputs, "Yes.")
  assert answer.of_plain(JUDGEMENT, yes) == (
    dict.fromkeys(JUDGEMENT.outputs, "yes"), None
  )  # fmt: skip
  name = JUDGEMENT.outputs[0]
  assert answer.of_plain(JUDGEMENT, yes | {name: "maybe"}) == (
    None, answer.MALFORMED
  )  # fmt: skip
