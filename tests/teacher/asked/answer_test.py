"""What a model wrote: texts, or why it is none."""

import json

import pytest

from instructrec_jax.teacher.asked import answer
from instructrec_jax.teacher.asked.cache import Answer
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
    f'<think>maybe {{"a": 1}}? no</think>\n{json.dumps(_TWO)}',
    f"<think>{json.dumps(dict.fromkeys(_TWO, 'A draft.'))}</think>"
    f"{json.dumps(_TWO)}",
    f'first {{"a": 1}} and so on</think>{json.dumps(_TWO)}',
    f"{json.dumps(dict.fromkeys(_TWO, 'A draft.'))}\nNo: {json.dumps(_TWO)}",
    f"{json.dumps(_TWO)} I chose {{quiet}} words {{}} for you.",
    f'{json.dumps(_TWO)} {{"confidence": 0.5}}',
    json.dumps({"answer": _TWO, "confidence": 0.5}),
    json.dumps({"answers": [_TWO]}),
    json.dumps(_TWO | {"why": {"because": "{"}}),
    json.dumps(_TWO).replace("\\n", "\n"),
    json.dumps(_TWO) + '{"vague_intention": "I was cut',
    '{"a":' * 20_000 + json.dumps(_TWO),
  ],
)
def test_an_object_is_found_whatever_is_around_it(content):
  assert answer.parse(INTENTION, Answer(content)) == (_READ, None)


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
    ('{"preference": "Half of \\ud83d."}', answer.MALFORMED),
    ('{"preference": "Half of \ufffd."}', answer.MALFORMED),
    ('<think>{"preference": "Tea."}', answer.MALFORMED),
    ('<think>{"preference": "Tea."}</think> Well.', answer.MALFORMED),
  ],
)
def test_what_is_no_answer_has_a_reason(content, reason):
  assert answer.parse(PREFERENCE, Answer(content)) == (None, reason)


def test_judgements_are_yes_or_no():
  for said in ("Yes.", "yes", "**Yes**", "Yes, it follows from it.", True):
    yes = dict.fromkeys(JUDGEMENT.outputs, said)
    assert answer.of_plain(JUDGEMENT, yes) == (
      dict.fromkeys(JUDGEMENT.outputs, "yes"), None
    )  # fmt: skip
  name = JUDGEMENT.outputs[0]
  for said in ("maybe", "No idea", "nobody", 1, ""):
    assert answer.of_plain(JUDGEMENT, yes | {name: said}) == (
      None, answer.MALFORMED
    )  # fmt: skip


@pytest.mark.parametrize(
  ("finish", "reason"),
  [
    ("length", answer.CUT),
    ("content_filter", answer.FILTERED),
    ("refusal", answer.REFUSED),
    ("", answer.MALFORMED),
  ],
)
def test_why_a_model_stopped_is_the_reason_if_there_is_no_text(finish, reason):
  cut = Answer('{"preference": "I like', finish=finish)
  assert answer.parse(PREFERENCE, cut) == (None, reason)
  whole = Answer('{"preference": "Tea."} And', finish=finish)
  assert answer.parse(PREFERENCE, whole) == ({"preference": "Tea."}, None)
