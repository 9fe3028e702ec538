"""Group C: templates with a history and a need, in our own words.

wordings.py explains the brackets and slots.
"""

from instructrec_jax.instructions.rows import Row

_BOTH_T3 = (
  "p1p2_i0_t3",
  "p1_i1_t3",
  "p1_i2_t3",
  "p1p2_i1_t3",
  "p1p2_i2_t3",
)

ROWS = (
  Row(
    "C1",
    ("p1p2_i0_t2",),
    "{target}",
    (
      "Somebody who had {history} is searching the shop and tells us "
      '"{preference}" What are they going to take?',
      'The description "{preference}" comes from the owner of {history} '
      "Recommend something that agrees with both.",
    ),
    'Known purchases: {history} Known taste: "{preference}" Unknown '
    "<next|further> item:",
  ),
  Row(
    "C2",
    ("p1_i1_t2",),
    "{target}",
    (
      'A customer with the purchases {history} now asks: "{need}" Answer '
      "with one title.",
      'What does the owner of {history} mean when they say "{need}"',
    ),
    'Purchases: {history} Present wish: "{need}" Item:',
  ),
  Row(
    "C3",
    ("p1_i1_t2",),
    "{target}",
    (
      "I have had {history} and this time I want the following: "
      '"{need}" What do you recommend?',
      'Keep in mind that I own {history} and help me with this: "{need}"',
    ),
    'After {history} my wish is "{need}" so I should get:',
  ),
  Row(
    "C4",
    ("p1_i2_t2",),
    "{target}",
    (
      'The buyer of {history} searches for "{need}" Which item will they '
      "click?",
      'Personal search. User: {history} Query: "{need}" Give the title that '
      "this user wants.",
    ),
    'With {history} in the past and "{need}" in the search box, the user '
    "picks:",
  ),
  Row(
    "C5",
    ("p1_item_to_i1", "p1_item_to_i2"),
    "{need}",
    (
      "A user who had {history} went on to choose {item} What did they want?",
      "Think of a customer with the purchases {history} Write the request "
      "that brought them to {item}",
    ),
    "Between {history} and {item} lies a wish. Which?",
  ),
  Row(
    "C6",
    ("p1_item_to_p2",),
    "{preference}",
    (
      "A user who had {history} went on to choose {item} Describe the taste "
      "that explains it.",
      "Sum up the preferences of a person with {history} who now likes {item}",
    ),
    "Given {history} and then {item} what does this person care about?",
  ),
  Row(
    "C7",
    ("i1_item_to_p1", "i2_item_to_p1"),
    "{history}",
    (
      'Somebody asked for "{need}" and took {item} List what they may have '
      "bought before.",
      'The wish "{need}" was met by {item} What purchases came earlier?',
    ),
    'Reconstruct the past purchases of a user who wanted "{need}" and chose '
    "{item}",
  ),
  Row(
    "C8",
    ("p1_to_i1_item", "p1_to_i2_item"),
    "{need} The answer is {target}",
    (
      "From the purchases {history} foresee what the user will ask for, and "
      "which item will settle it.",
      "The owner of {history} comes back. Write their request, then the item "
      "you hand over.",
    ),
    "What will follow {history} as a wish, and what as a purchase?",
  ),
  Row(
    "C9",
    ("i1_to_p1_item", "i2_to_p1_item"),
    "{history} {target}",
    (
      'Imagine a user who asks "{need}" List what they have had, and what '
      "they take now.",
      'Who says "{need}" Write down their purchases up to the one they are '
      "about to make.",
    ),
    'Make up the record of a customer whose <latest |>wish is "{need}"',
  ),
  Row(
    "C10",
    _BOTH_T3,
    "{target}",
    (
      'A customer with the purchases {history} asks: "{need}" [They are known '
      'to like "{preference}"] Which of {candidates} do they take?',
      "Personal search. User: {history} [Taste: "
      '"{preference}"] Query: "{need}" Results: {candidates} Best result for '
      "this user:",
    ),
    'Request: "{need}" Shelf: {candidates} Requester\'s past: {history} '
    '[Requester\'s taste: "{preference}"] Hand over one item.',
  ),
  Row(
    "C11",
    _BOTH_T3,
    "{target}",
    (
      'I have had {history} [I like "{preference}"] Today I say "{need}" '
      "Choose for me out of {candidates}",
      'Out of {candidates} which is right for my wish "{need}" considering '
      'that I own {history} [and prefer "{preference}"]',
    ),
    'My past: {history} [My liking: "{preference}"] My wish: "{need}" My '
    "options: {candidates} My pick:",
  ),
  Row(
    "C12",
    _BOTH_T3,
    "{target}",
    (
      "The shop offers {candidates} to somebody who wrote "
      '"{need}" and whose record is {history} [Their own words about their '
      'taste: "{preference}"] What is sold?',
      'Weigh the wish "{need}" against the habits {history} [and the taste '
      '"{preference}"] and settle on one of {candidates}',
    ),
    "Which of {candidates} agrees with the record {history} [with the taste "
    '"{preference}"] and with the wish "{need}"',
  ),
  Row(
    "C13",
    _BOTH_T3,
    "{target}",
    (
      "Reorder {candidates} for somebody with {history} [with a liking for "
      '"{preference}"] and with the request "{need}" then write the first.',
      'Wish "{need}" and purchases {history} [and taste "{preference}"] come '
      "from one person. Give them one of {candidates}",
    ),
    "Put yourself in the place of a buyer of {history} [with the liking "
    '"{preference}"] who looks for "{need}" and pick from {candidates}',
  ),
)
