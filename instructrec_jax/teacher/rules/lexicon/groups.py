"""Tables of groups of people that an item suits."""

# The clause after "people", the pattern of labels, and the pattern of titles
# and descriptions of items that suit the group. The first groups are the most
# special.
CLAUSES = (
  ("who cook and bake at home", "cook(?:ing|ery|books?)|food & wine|baking|"
   "recipes", "recipes?|cook(?:ing|book)|baking|kitchen|delicious|dish(?:es)?"),
  ("who care about style and beauty", "fashion|beauty|style|cosmetic|make-?up",
   "outfits?|fashion|make-?up|lipstick|hair ?styles?|skin ?care|dress(?:es)?"),
  ("who plan a journey or dream of one", "travel|tourist|voyag",
   "travel(?:l?ing)?|travel guide|tourists?|scenery|vacation|destinations?"),
  ("who are fond of animals", "pets?|animals?|wildlife|dogs?|cats?",
   "cats?|kittens?|dogs?|pupp(?:y|ies)|pets?|pandas?|horses?"),
  ("who follow sports", "sports?|football\\w*|baseball\\w*|basketball\\w*|"
   "soccer\\w*|racing|tennis|golf|nfl|nba|mlb|ncaa", "football|basketball|"
   "baseball|soccer|tennis|world cup|league|championship|team(?:mates)?"),
  ("who make and grow things themselves", "crafts?|hobbies|gardening|diy|"
   "home & garden|sewing|knitting|quilting", "craft(?:s|ing)|gardens?|"
   "gardening|knitting|quilt(?:s|ing)|handmade|woodworking|sewing|diy"),
  ("who want to stay healthy and fit", "health|fitness|wellness|diets?|medical|"
   "yoga|gyms?", "weight loss|diets?|workouts?|yoga|fitness|healthy|"
   "exercis(?:e|es|ing)"),
  ("who work in business or mind their money", "business|economics|finance|"
   "investing|money|careers?|management|finances?", "investors?|investing|"
   "entrepreneurs?|stock market|management|marketing|managers?"),
  ("who work with computers", "computers?|programming|software",
   "programming|software|developers?|computers?|programmers?"),
  ("who teach or study", "education|study aids|teaching|textbooks?|"
   "language arts|foreign language", "students?|teachers?|classrooms?|"
   "textbook|curriculum|exam(?:s|ination)?"),
  ("who have an interest in faith and spirit", "religio\\w*|"
   "christian\\w*|bibles?|spiritual\\w*|theology|body, mind",
   "christians?|god|prayer|faith|spiritual|bible|church|buddhis[mt]"),
  ("who have a taste for art and design", "art|arts|design|photography|"
   "architecture|antiques", "artists?|paintings?|photographs?|architecture|"
   "sculptures?|museums?"),
  ("who have an ear for music", "music|musical|concerts?|rock|jazz",
   "music(?:ians?|al)?|songs?|sing(?:ers?|ing)|bands?|guitars?|concerts?"),
  ("who follow politics and world affairs", "politic\\w*|newspolitics|"
   "newsworld|newsus|world|social science|law|current events",
   "president|congress|elections?|government|politic(?:s|al|ians?)|senate"),
  ("who love cars and engines", "autos\\w*|cars?|automotive|transportation|"
   "motorsports?|driving|racing", "cars?|motorcycles?|trucks?|engines?"),
  ("who want to know how nature and technology work", "science|nature|"
   "technology|mathematics|space|mecha\\b.*science", "scientists?|physics|"
   "universe|evolution|mathematics|technology|biology|planet"),
  ("who like to learn about the past", "histor(?:y|ical)|biograph.*|memoir|"
   "documentary|samurai", "centur(?:y|ies)|histor(?:y|ian|ical)|ancient|"
   "medieval|empire|biography|dynasty"),
  ("who do not mind stories of war", "war|military", "wars?|soldiers?|army|"
   "battles?|troops|military"),
  ("who like puzzles of crime and detection", "crime|mystery|detective|"
   "noir|film-noir|true crime", "murder(?:s|ed|er)?|detectives?|police|"
   "kill(?:er|ings?)|crimes?|investigat(?:e|es|ing|ion|or)"),
  ("who like to be frightened", "horror|zombies?|gore|survival horror",
   "ghosts?|haunt(?:s|ed|ing)?|terrifying|zombies?|vampires?|demons?"),
  ("who have a weakness for love stories", "romance|romantic.*|shoujo|"
   "boys love|girls love|dating.*", "romance|romantic|falls? in love|love "
   "story|marriage|wedding|boyfriend|girlfriend|lovers?"),
  ("who escape into worlds of magic", "fantasy|magic|supernatural|mythology",
   "magic(?:al)?|wizards?|dragons?|kingdoms?|witch(?:es)?|sword|spells?|elves"),
  ("who are curious about the future and about space", "sci-?fi|"
   "science fiction|space|mecha|robots?|cyberpunk", "aliens?|robots?|galaxy|"
   "spaceships?|future|space ?ships?|planets?|cyber\\w*|mecha"),
  ("who want to laugh", "comedy|humou?r|funny|parody|gag humou?r|"
   "comics & graphic novels", "hilarious|comic(?:al)?|funny|laugh(?:s|ter)?|"
   "comedy|jokes?|pranks?"),
  ("who have children", "child(?:ren)?(?:'s)?|kids?(?:'s)?|juvenile.*|"
   "kids & family|family friendly|family|children's.*|parenting|toys",
   "for (?:kids|children)|kids|children's|parents|toddlers?|nursery"),
  ("who remember being at school, or still are", "school|slice of life|"
   "young adult.*|teen", "high school|school|college|classmates?|students?|"
   "teenagers?"),
  ("who like to think ahead", "strategy|puzzle|tactical|turn-based.*|rts|"
   "board game|card game|tower defense|management|city builder|strategy game",
   "strategy|puzzles?|tactics|tactical|brain"),
  ("who want quick and thrilling action", "action|shooter|fps|fighting|"
   "shoot 'em up|arcade|martial arts|hack and slash|shounen", "battles?|"
   "fights?|fighting|enemies|weapons?|shoot(?:er|ing)?|racing|combat"),
  ("who like to lose themselves in a long adventure", "rpg|open world|"
   "role-playing|mmorpg|adventure|survival|sandbox", "adventures?|quest|"
   "journey|explore|exploration|survive"),
  ("who like to play with friends", "multi-?player|co-op|online multi-player|"
   "party", "with (?:your )?friends|multi-?player|co-?op"),
  ("who have only a little time to spare", "casual|short.*|clicker|"
   "hidden object", "relaxing|casual|short stor(?:y|ies)"),
  ("who like to build and run things", "simulation|building|crafting",
   "simulat(?:or|ion)|manage|build your"),
  ("who look for an evening out", "nightlife|bars|cocktail bars|wine bars|pubs|"
   "breweries|lounges|dance clubs|sports bars|beer.*", None),
  ("who are hungry for breakfast or brunch", "breakfast & brunch|bakeries|"
   "bagels|diners|pancakes|donuts", None),
  ("who need a coffee or something sweet", "coffee & tea|cafes|desserts|"
   "ice cream & frozen yogurt|juice bars & smoothies|coffee roasteries", None),
  ("who want a quick and casual meal", "fast food|sandwiches|pizza|burgers|"
   "delis|chicken wings|food trucks|hot dogs|tacos|cheesesteaks", None),
  ("who are out for a good dinner", "steakhouses|seafood|italian|french|"
   "sushi bars|wine bars|american \\(new\\)|mediterranean|tapas.*", None),
  ("who cook for themselves and care for what they buy", "grocery|"
   "specialty food|farmers market|seafood markets|meat shops", None),
  ("who need something done to their home", "home services|contractors|"
   "plumbing|electricians|movers|roofing|painters|flooring|real estate|"
   "apartments|home cleaning|landscaping", None),
  ("who have a car to look after", "automotive|auto repair|tires|"
   "oil change stations|car dealers|car wash|gas stations|body shops", None),
  ("who want to be pampered", "beauty & spas|hair salons|nail salons|"
   "day spas|massage|barbers|skin care|waxing", None),
  ("who have to see a doctor or dentist", "doctors|dentists|hospitals|"
   "optometrists|chiropractors|physical therapy|urgent care", None),
  ("who visit the town and want to see something", "hotels|tours|museums|"
   "hotels & travel|landmarks.*|arts & entertainment|venues & event spaces",
   None),
  ("who like to look around in shops", "shopping|women's clothing|"
   "home decor|furniture stores|thrift stores|books, mags.*|jewelry|florists|"
   "department stores|sporting goods|bookstores", None),
  ("who like to be moved by other people's lives", "drama|fiction|"
   "literature|literary collections|poetry", None),
)  # fmt: skip

# Each group and the pattern of its recipients in reviews.
RECIPIENTS = (
  ("teenagers", "teen|tween|1[3-9][- ]year"),
  ("children", "kid|child|son\\b|sons\\b|daughter|nephew|niece|grandson|"
   "boys?\\b|girls?\\b|toddler|baby|babies|year-old|little"),
  ("beginners", "beginner"),
  ("couples", "wife|husband|hubby|spouse|partner|fianc|couple|girlfriend|"
   "boyfriend"),
  ("teachers and their classes", "teacher|student|class"),
  ("families", "famil"),
  ("groups of friends", "friend|roommate"),
  ("people at work", "co-?worker|colleague|employee|boss|staff|secretary"),
  ("older relatives", "mother|father|mom|mum|dad|parent|grandm|grandp|elder|"
   "senior|aunt|uncle"),
)  # fmt: skip
