"""Amazon's files in small: the exact formats of the editions, with quirks.

Ann and Bob stay at two interactions each; Cyd and Dan fall one after the other
once the repeat is gone; Eve has only what is not listed.
"""

import json
from pathlib import Path

DAY = 86_400


def _line(row: dict, changes: dict) -> str:
  row = row | changes
  return json.dumps({k: v for k, v in row.items() if v is not None})


def review_2018(user: str, item: str, day: int, **changes) -> str:
  return _line(
    {
      "overall": 5.0,
      "verified": True,
      "reviewTime": "06 17, 2018",
      "reviewerID": user,
      "asin": item,
      "style": {"Gift Amount:": " 50"},
      "reviewerName": f"Name of {user}",
      "reviewText": f"Text of {user} on {item}.",
      "summary": "Five Stars",
      "unixReviewTime": day * DAY,
    },
    changes,
  )


def item_2018(asin: str, title: str, **changes) -> str:
  return _line(
    {
      "category": ["Gift Cards", "Gift Cards"],
      "tech1": "",
      "description": ["Good."],
      "title": title,
      "brand": "Acme",
      "rank": [],
      "main_cat": '<img src="x"/>',
      "details": {"\n    Product Dimensions: \n    ": "3 x 2 inches"},
      "price": "$1.00",
      "asin": asin,
    },
    changes,
  )


REVIEWS_2018 = [
  review_2018("ann", "A1", 3),
  review_2018("ann", "A2", 1, vote="1,024"),
  review_2018(
    "ann", "A3", 2, reviewText="A &#34;gift&#34;<br />  I <3 it &amp;amp; more"
  ),
  review_2018("bob", "A1", 1),
  review_2018("bob", "A2", 1, reviewText=None, image=["http://x"]),
  review_2018("bob", "A3", 5, summary="  "),
  '{"overall": 5.0, "verified": true, "rev',
  review_2018("cyd", "A1", 1),
  review_2018("cyd", "A1", 1),
  review_2018("cyd", "A4", 2),
  review_2018("dan", "A4", 1),
  review_2018("dan", "A5", 2),
  review_2018("eve", "A9", 2),
  review_2018(None, "A1", 2),
  review_2018("fay", "A4", 2, overall="five"),
]

ITEMS_2018 = [
  item_2018(
    "A1",
    " Card &amp; Box",
    description=["Not a toy. <b>One</b><br>two", "", "&bull; three"],
    price="$12.99",
  ),
  item_2018("A2", '<span class="a-size-medium a-color-secondary"'),
  item_2018("A2", "Mug", price="$5.00 - $1,010.50"),
  item_2018(
    "A3", "Pen", brand="", description=[], price=".a-box-inner{color:#fff}"
  ),
  item_2018(
    "A4",
    "Cup",
    brand="Visit Amazon's Ann Lee Page",
    description="no list",
    rank="742 in Magazine Subscriptions (",
    price="",
  ),
  "{'asin': 'A9', 'title': 'A literal of Python'}",
  "",
  item_2018("A5", None),
  item_2018("A6", "Never bought", category=["Gift Cards", "</span>", "Toys"]),
]


REVIEWS_2014 = [
  _line(
    {
      "reviewerID": user,
      "asin": item,
      "reviewerName": f"Name of {user}",
      "helpful": [3, 4],
      "reviewText": text,
      "overall": 5.0,
      "summary": "Good &amp; cheap",
      "unixReviewTime": day * DAY,
      "reviewTime": "01 30, 2014",
    },
    {},
  )
  for user, item, day, text in (
    ("ann", "B1", 2, "It is &#34;nice&#34;."),
    ("ann", "B2", 1, ""),
    ("bob", "B1", 1, "x\u00e9 \\/ \ud83d\ude00"),
    ("bob", "B2", 3, None),
    ("bob", "B3", 3, "No title."),
  )
]

# As repr() wrote them in Python 2.
ITEMS_2014 = [
  "{'asin': 'B1', 'description': 'Isn\\'t \"it\" <b>fine</b>?', 'title': "
  '"Dr. Foo\'s Cream &amp; Oil", '
  "'price': 12.99, 'imUrl': 'http://x/1.jpg', 'related': {'also_bought': "
  "['B2', 'B3'], 'bought_together': ['B2']}, 'salesRank': {'Beauty': 461765}, "
  "'brand': 'Foo', 'categories': [['Beauty', 'Skin Care', 'Face'], "
  "['Beauty', 'Bath &amp; Body']]}",
  "{'asin': 'B2', 'title': 'M\\xfcsli \\\\ Bar', 'categories': [['Beauty']], "
  "'salesRank': {}}",
  "{'asin': 'B3', 'imUrl': 'http://x/3.jpg', 'categories': [['Beauty']]}",
  "{'asin': 'B4', 'title': 'cut o",
]


def review_2023(user: str, parent: str, day: int, **changes) -> str:
  return _line(
    {
      "rating": 4.0,
      "title": "Fine",
      "text": f"Text of {user} on {parent}.",
      "images": [{"small_image_url": "http://x", "attachment_type": "IMAGE"}],
      "asin": f"V{parent}",
      "parent_asin": parent,
      "user_id": user,
      "timestamp": day * DAY * 1000 + 999,
      "helpful_vote": 0,
      "verified_purchase": True,
    },
    changes,
  )


def item_2023(parent: str, title: str, **changes) -> str:
  return _line(
    {
      "main_category": "All Beauty",
      "title": title,
      "average_rating": 4.8,
      "rating_number": 10,
      "features": [],
      "description": ["Soft", "and <i>light</i>"],
      "price": 12.5,
      "images": [{"thumb": "http://x", "variant": "MAIN", "hi_res": None}],
      "videos": [],
      "store": "Howard Products",
      "categories": ["All Beauty", "Hair &amp; Care"],
      "details": {"Package Dimensions": "7 x 5 inches"},
      "parent_asin": parent,
      "bought_together": None,
    },
    changes,
  )


REVIEWS_2023 = [
  review_2023("ann", "B1", 2, text="Nice<br /><br />I&#39;d buy it again"),
  # Another colour of the same thing.
  review_2023("ann", "B1", 3, asin="VB1-red"),
  review_2023("ann", "B2", 1),
  review_2023("bob", "B2", 1, text="", title="[[VIDEOID:abc]] Great"),
  review_2023("bob", "B1", 1),
  review_2023("eve", "B9", 1),
  review_2023("eve", "B1", 1, timestamp="soon"),
]

ITEMS_2023 = [
  item_2023("B1", "Brush", price="None", store=None),
  item_2023("B2", "Comb", price=None, categories=[], description=[]),
  item_2023("B3", "Cream", price="from 3.50"),
]


def write_lines(path: Path, lines: list[str]) -> Path:
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("".join(line + "\n" for line in lines))
  return path


def write_2018(folder: Path, reviews=REVIEWS_2018, items=ITEMS_2018) -> Path:
  write_lines(folder / "Gift_Cards_5.json", reviews)
  write_lines(folder / "meta_Gift_Cards.json", items)
  return folder


def write_2023(folder: Path, reviews=REVIEWS_2023, items=ITEMS_2023) -> Path:
  """In two folders, as Hugging Face has them."""
  write_lines(folder / "review_categories/All_Beauty.jsonl", reviews)
  write_lines(folder / "meta_categories/meta_All_Beauty.jsonl", items)
  return folder


def write_2014(folder: Path) -> Path:
  write_lines(folder / "reviews_Beauty_5.json", REVIEWS_2014)
  write_lines(folder / "meta_Beauty.json", ITEMS_2014)
  return folder
