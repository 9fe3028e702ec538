"""Group B: templates with an intention and no history, in our own words.

wordings.py explains the brackets and slots.
"""

from instructrec_jax.instructions.rows import Row

_NEED_T2 = ("p2_i0_t2", "p0_i1_t2", "p0_i2_t2")
_NEED_T3 = ("p2_i0_t3", "p0_i1_t3", "p0_i2_t3")

ROWS = (
  Row(
    "B1",
    _NEED_T2,
    "{target}",
    (
      'A visitor of the shop writes: "{need}" Answer with the title of a '
      "suitable item.",
      'Find the product that meets this wish: "{need}"',
    ),
    'The wish is "{need}" and the item that fulfils it is:',
  ),
  Row(
    "B2",
    ("p0_i2_t2",),
    "{target}",
    (
      'Search request: "{need}" Give the title of the best hit.',
      'Somebody filters the shop by "{need}" What do they end up with?',
    ),
    'Query: "{need}" Result:',
  ),
  Row(
    "B3",
    ("p0_i2_t2",),
    "{target}",
    (
      'I need an item with these features: "{need}" Which one is it?',
      'Name a product that can be described by "{need}"',
    ),
    'Features wanted: "{need}" Product:',
  ),
  Row(
    "B4",
    _NEED_T2,
    "{target}",
    (
      'Be my shopping assistant. I tell you: "{need}" You tell me what to buy.',
      'What would you recommend to a person who explains "{need}"',
    ),
    'Here is all I can say: "{need}" One title, please.',
  ),
  Row(
    "B5",
    ("item_to_i1", "item_to_i2"),
    "{need}",
    (
      "Somebody was glad to find {item} in the shop. What had they been "
      "looking for?",
      "Write a request to which {item} is the right answer.",
    ),
    "Guess the question that {item} answers.",
  ),
  Row(
    "B6",
    ("item_to_i1", "item_to_i2"),
    "{need}",
    (
      "I bought {item} on purpose. Put my purpose into words.",
      "State the need that leads a customer to {item}",
    ),
    "Item: {item} The search that found it:",
  ),
  Row(
    "B7",
    _NEED_T3,
    "{target}",
    (
      'A visitor writes: "{need}" Which of {candidates} should we show first?',
      'Choose from {candidates} the item for this wish: "{need}"',
    ),
    'Wish: "{need}" Stock: {candidates} Best match:',
  ),
  Row(
    "B8",
    _NEED_T3,
    "{target}",
    (
      'I can have one of {candidates} What I am after: "{need}" Take the '
      "decision off my hands.",
      'Tell me which of {candidates} is for somebody who says "{need}"',
    ),
    'Only one of {candidates} answers "{need}" Name it.',
  ),
  Row(
    "B9",
    _NEED_T3,
    "{target}",
    (
      'The request "{need}" returned {candidates} Write the result that '
      "belongs on top.",
      'Results: {candidates} Request: "{need}" Pick the most relevant result.',
    ),
    'Given "{need}" put {candidates} in order and give me the first.',
  ),
)
