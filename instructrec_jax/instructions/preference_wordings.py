"""Group A: templates with a preference only, in our own words.

wordings.py explains the brackets and slots.
"""

from instructrec_jax.instructions.rows import Row

_HISTORY_T2 = ("p1_i0_t2", "p1p2_i0_t2")
_HISTORY_T3 = ("p1_i0_t3", "p1p2_i0_t3")

ROWS = (
  Row(
    "A1",
    ("p1_i0_t2",),
    "{target}",
    (
      "A customer's purchases<, from the oldest to the newest|>: {history} "
      "Name "
      "the item they will want <next|as well>.",
      "Someone has chosen the following so far: {history} Recommend the one "
      "product that should <come next|be added>, by its title.",
    ),
    "What is the title of <the next|a further> entry? A user's picks until "
    "now: {history}",
  ),
  Row(
    "A2",
    ("p1p2_i0_t2",),
    "{target}",
    (
      "This user's record reads: {history} In their own words: "
      '"{preference}" Which item will they go for <next|too>?',
      'A shopper says: "{preference}" They already own {history} Give the '
      "title of what they should get now.",
    ),
    'Taste: "{preference}" Purchases so far: {history} <Next|Further> '
    "purchase:",
  ),
  Row(
    "A3",
    ("p1_to_p2_item",),
    "{preference} That speaks for {target}",
    (
      "Look at what this user has had: {history} Say first what they like, "
      "then which item follows from it.",
      "From the purchases {history} work out the buyer's taste, write it "
      "down, and end with the one title to recommend.",
    ),
    "Step by step: what does the owner of {history} enjoy, and what will they "
    "therefore choose <next|as well>?",
  ),
  Row(
    "A4",
    _HISTORY_T2,
    "{target}",
    (
      "You advise a regular customer. They bought {history} "
      '[They describe their taste like this: "{preference}"] What do you '
      "suggest?",
      "Continue this list of one person's purchases by a single title: "
      '{history} [The person likes: "{preference}"]',
    ),
    '[Knowing that a reader of our shop says "{preference}", ] recommend one '
    "title to follow {history}",
  ),
  Row(
    "A5",
    _HISTORY_T2,
    "{target}",
    (
      "<The newest of these purchases stands last|Purchases of one buyer>: "
      '{history} [What the buyer is fond of: "{preference}"] Predict '
      "<the purchase after it|one more purchase>.",
      "Given the <sequence|purchases> {history} [and the stated liking "
      '"{preference}"] which item is the most likely to <come next|be among '
      "them>?",
    ),
    "A log of one account: {history} [Profile of the account: "
    '"{preference}"] Write <the line that follows|one more line>.',
  ),
  Row(
    "A6",
    _HISTORY_T2,
    "{target}",
    (
      "I have already had {history} [To tell you what I like: "
      '"{preference}"] Please find me something <for the next time|else>.',
      "My shelf holds {history} [I would put my taste this way: "
      '"{preference}"] What belongs beside it?',
    ),
    'So far I went for {history} [My preferences: "{preference}"] Your turn: '
    "what now?",
  ),
  Row(
    "A7",
    _HISTORY_T3,
    "{target}",
    (
      "A customer's purchases<, from the oldest to the newest|>: {history} "
      '[Their taste: "{preference}"] Choose what they will want <next|too> '
      "from "
      "these candidates: {candidates} Give its title.",
      "Someone has chosen the following so far: {history} [They say: "
      '"{preference}"] The shop can show {candidates} Which one of them suits '
      "this person best?",
    ),
    "Candidates: {candidates} A user's picks until now: {history} [What they "
    'enjoy: "{preference}"] Select the candidate that <comes next|belongs to '
    "them>.",
  ),
  Row(
    "A8",
    _HISTORY_T3,
    "{target}",
    (
      "Of the titles {candidates} exactly one was bought by somebody who had "
      '{history} before. [Their liking: "{preference}"] Which?',
      "Here is a purchase record: {history} [Its owner told us: "
      '"{preference}"] Pick its continuation out of {candidates}',
    ),
    "Match the record {history} [and the taste "
    '"{preference}"] with one of: {candidates}',
  ),
  Row(
    "A9",
    _HISTORY_T3,
    "{target}",
    (
      "I own {history} [I like it this way: "
      '"{preference}"] From the list {candidates} tell me the one to buy.',
      "Help me decide between {candidates} I have had {history} [My taste is "
      'best put as "{preference}"]',
    ),
    "My purchases: {history} [My preferences: "
    '"{preference}"] My options: {candidates} My best choice:',
  ),
  Row(
    "A10",
    _HISTORY_T3,
    "{target}",
    (
      "Rank in your mind {candidates} for a user with this history: "
      '{history} [and this taste: "{preference}"] Then write only the first '
      "of your ranking.",
      "A recommender has narrowed its choice to {candidates} The user came "
      'here by way of {history} [and prefers "{preference}"] Name its top '
      "item.",
    ),
    "Shortlist: {candidates} Past behaviour: {history} [Stated preference: "
    '"{preference}"] Put one item of the shortlist first.',
  ),
  Row(
    "A11",
    ("p1_i0_t0",),
    "{answer}",
    (
      "A customer's purchases<, from the oldest to the newest|>: {history} "
      "Would "
      "this customer pick {item} <next|too>? Answer yes or no.",
      "Here is what someone has chosen so far: {history} Judge whether they "
      "will go for {item} now. Reply with yes or no.",
    ),
    "Is {item} likely to be <the next|another> entry in this record? "
    "{history} Say yes "
    "or no.",
  ),
  Row(
    "A12",
    ("p1_i0_t0",),
    "{answer}",
    (
      "I have had {history} Should I try {item} as well, yes or no?",
      "Decide by yes or no: does {item} belong <after|with> {history}",
    ),
    "Yes or no: a buyer of {history} takes {item} <next|too>.",
  ),
  Row(
    "A13",
    _HISTORY_T3,
    "{target}",
    (
      "<The next|One more> purchase of this user is among {candidates} [The "
      'user\'s description of their taste: "{preference}"] The '
      "<purchases before it|other purchases> are {history} Find it.",
      "Which of {candidates} fits a person whose purchases were {history} "
      '[and whose liking is "{preference}"] best of all?',
    ),
    "One of {candidates} completes {history} [The owner likes "
    '"{preference}"] Say which one.',
  ),
  Row(
    "A14",
    ("p1_to_p2",),
    "{preference}",
    (
      "These are one user's purchases< in order|>: {history} Describe what "
      "this "
      "user likes.",
      "Read {history} and put the buyer's taste into words.",
    ),
    "What do the choices {history} reveal about the preferences behind them?",
  ),
  Row(
    "A15",
    ("p1_to_p2",),
    "{preference}",
    (
      "I have bought {history} How would you sum up my preferences?",
      "Speak as the customer who owns {history} and say what you are fond of.",
    ),
    "Write a short profile of the taste of somebody who went for {history}",
  ),
  Row(
    "A16",
    ("p2_i0_t2",),
    "{target}",
    (
      'A user says about their taste: "{preference}" Recommend one item.',
      'Which title suits somebody who tells you "{preference}"',
    ),
    'Profile: "{preference}" Best item for this profile:',
  ),
  Row(
    "A17",
    ("p2_i0_t2",),
    "{target}",
    (
      'Suggest a single product to me. What I like: "{preference}"',
      'My preferences are "{preference}" What should I get?',
    ),
    'You know this of me: "{preference}" Surprise me with a fitting title.',
  ),
)
