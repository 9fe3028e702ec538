"""Patterns of what reviews praise and what they complain of."""

GOOD = (
  "great|good|excellent|amazing|awesome|beautiful|fantastic|wonderful|perfect|"
  "lovely|gorgeous|stunning|superb|brilliant|incredible|outstanding|fabulous|"
  "terrific|delightful|compelling|fascinating|strong|rich|vivid|solid|fun|best|"
  "engaging|interesting|enjoyable|impressive|top[- ]notch|memorable|nice"
)
VERY = r"(?:(?:so|very|really|just|absolutely|truly|always|also|all|quite)\s+)*"
ANY = ("book", "movie", "anime", "game", "music", "business", "video", "news",
        "product")  # fmt: skip
STORIES = ("book", "movie", "anime", "game")
SHOWN = ("movie", "anime", "game", "video")
# The name, the nouns that are praised, phrases, and the things that it suits.
QUALITIES = (
  ("memorable characters", "characters?|characteri[sz]ation|protagonists?|"
   "heroines?|heroes", r"relatable|well[- ]developed characters", STORIES),
  ("a good story", "plots?|story ?lines?|stor(?:y|ies)|narrative|tales?",
   r"well[- ]plotted", STORIES),
  ("good writing", "writing|prose|writers?|author",
   "(?:well|beautifully|brilliantly|wonderfully)[- ]written", ("book", "news")),
  ("suspense", "suspense|twists?|tension", r"page[- ]?turner|gripping|riveting|"
   r"suspenseful|edge of (?:my|your) seat|kept me guessing|hard to put down",
   STORIES),
  ("humour", "humou?r|jokes|wit", r"funny|hilarious|laugh(?:ed|ing)? out loud|"
   "witty|made me laugh", (*STORIES, "video")),
  ("stories that move them", None, r"(?:very|so|deeply|truly) moving|touching|"
   r"heart[- ]?warming|heart[- ]?breaking|made me cry|tear[- ]jerker",
   STORIES),
  ("thorough information", "information|research|insights?|articles?|detail",
   "informative|well[- ]researched|insightful|in[- ]depth|educational",
   ("book", "news", "product", "video")),
  ("practical advice", "advice|tips|ideas|exercises|instructions|recipes|"
   "projects|patterns", "practical|(?:very|so|really) (?:useful|helpful)",
   ("book", "news", "product", "video")),
  ("clear explanations", "explanations?|examples", r"easy to (?:understand|"
   "follow|read)|clearly (?:written|explained)|easy read", ("book", "news")),
  ("fine pictures", "illustrations?|pictures|photos?|photographs?|photography|"
   "artwork|drawings|images|art", "beautifully illustrated",
   ("book", "news", "product")),
  ("a beautiful look", "graphics|visuals?|animation|art(?: ?style|work)?|"
   "effects|cinematography", "beautifully (?:animated|drawn|shot)", SHOWN),
  ("good music", "music|soundtrack|score|songs|ost|voice acting", None,
   (*SHOWN, "music")),
  ("enjoyable play", "gameplay|game play|mechanics|controls|combat|levels|"
   "puzzles|replay(?:ability| value)", "addict(?:ive|ing)", ("game",)),
  ("playing together", "multi-?player|co-?op",
   r"(?:play|fun) with (?:your |my )?friends", ("game",)),
  ("good acting", "acting|performances?|actors?|cast", None, ("movie",)),
  ("a convincing world", "world[- ]?building|lore|universe|atmosphere|setting",
   None, STORIES),
  ("a pleasant atmosphere", "atmosphere|ambian?ce|vibes?|decor|setting|patio|"
   "views?|space", "cozy|cosy|relaxing", ("business",)),
  ("friendly service", "service|staff|wait(?:er|ress|staff)s?|servers?|"
   "bartenders?|employees|instructors?|owners?|team",
   "friendly|attentive|welcoming|accommodating", ("business",)),
  ("good food", "food|dishes|meals?|menu|flavou?rs?|desserts?|pizzas?|"
   "burgers?|tacos?|sandwich(?:es)?|sushi|breakfast|brunch|dinner|lunch|wings|"
   "seafood|oysters", "delicious|tasty|yummy|mouth-?watering|flavou?rful",
   ("business",)),
  ("good drinks", "coffee|lattes?|drinks?|cocktails?|beers?|wines?|margaritas?|"
   "teas?|smoothies?", None, ("business",)),
  ("generous portions", "portions?|servings?", "huge portions?", ("business",)),
  ("a clean place", None, "clean|spotless", ("business",)),
  ("quick service", None, "(?:fast|quick|prompt) (?:service|delivery)|no wait",
   ("business",)),
  ("professional work", "jobs?|work|haircuts?|massages?|manicures?|pedicures?",
   "professional|knowledgeable", ("business",)),
  ("fair prices", "prices?|value|deals?|bargains?|pricing", "affordable|"
   "inexpensive|reasonabl[ey] pric(?:ed?|es)|worth (?:every penny|the (?:money|"
   "price))", ("business", "product", "game")),
  ("good quality", "quality|materials?|craftsmanship",
   "well[- ]made|sturdy|durable|high quality", ("product",)),
  ("ease of use", None, "easy to (?:use|install|assemble|set up|clean|redeem|"
   "give|order|send|buy)|convenient|user[- ]friendly|handy", ("product",)),
  ("variety", "variety|selection|choices?|range|assortment", None, ANY),
  ("comfort", "fit|comfort", "comfortable|comfy|fits (?:well|perfectly|great)",
   ("product",)),
)  # fmt: skip
FLAWS = (
  ("a slow pace", "slow(?: pace)?|slow[- ]paced|drag(?:s|ged|ging)|boring|"
   "bored|dull|tedious|dry read", (*STORIES, "video")),
  ("predictable stories", "predictable|clich[eé]s?|clich[eé]d|unoriginal",
   STORIES),
  ("shallow characters", r"(?:flat|shallow|weak|unlikeable|unlikable|"
   r"one[- ]dimensional|wooden|annoying) (?:\w+ )?characters?|characters? "
   r"(?:is|are|was|were) (?:so |very |too )?(?:flat|shallow|weak|unlikeable|"
   "unlikable|one[- ]dimensional|wooden|annoying)", STORIES),
  ("poor writing", "(?:poor|bad|terrible|awful|clumsy) (?:writing|prose|"
   "editing|grammar|translation)|(?:poorly|badly) (?:written|edited)|typos",
   ("book", "news")),
  ("confusing stories", "confus(?:ing|ed)|hard to follow|makes no sense",
   STORIES),
  ("repetition", "repetitive|repetitious|repeats? itself|same thing over",
   ANY),
  ("a lack of depth", "superficial|shallow|nothing new|no substance|"
   "lacks? (?:depth|substance)", ("book", "movie", "anime", "news")),
  ("technical faults", r"bugs?\b|buggy|crash(?:es|ed|ing)?|glitch\w*|lag(?:gy)?"
   r"\b|poorly optimi[sz]ed", ("game",)),
  ("high prices", "over-?priced|too expensive|waste of money|rip[- ]?off",
   ("business", "product", "game")),
  ("unfriendly service", "rude|unfriendly|unprofessional", ("business",)),
  ("poor quality", "poor quality|cheaply made|flimsy|fell apart|broke",
   ("product",)),
)  # fmt: skip
GRIPPED = (
  r"\b(?:could|can|did)(?: not|n'?t) (?:bear to )?(?:put|stop|stopped) "
  r"(?:(?:it|this|the book|these|them) )?(?:down|reading)"
)
