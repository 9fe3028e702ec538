"""Steam's files in small: one Python 2 dict a line, quirks and all."""

import gzip
from pathlib import Path

DAY = 86_400


def python_2(value) -> str:
  """Returns what repr() made of a value in Python 2, text as unicode."""
  if isinstance(value, dict):
    pairs = (f"{python_2(k)}: {python_2(v)}" for k, v in value.items())
    return "{" + ", ".join(pairs) + "}"
  if isinstance(value, list):
    return "[" + ", ".join(map(python_2, value)) + "]"
  if not isinstance(value, str):
    return repr(value)
  # ascii() picks quotes and escapes as Python 2 did.
  return "u" + ascii(value)


def _line(row: dict, changes: dict) -> str:
  row = row | changes
  return python_2({k: v for k, v in row.items() if v is not None})


def review(user: str | None, game: str, day: int, **changes) -> str:
  return _line(
    {
      "username": user and f"Name of {user}",
      "hours": 1.5,
      "products": 12,
      "product_id": game,
      "page_order": 0,
      "date": f"2017-01-{day:02}",
      "text": f"Text on {game}.",
      "early_access": False,
      "page": 1,
    },
    changes,
  )


def game(game_id: str | None, name: str | None, **changes) -> str:
  return _line(
    {
      "publisher": "Big Pub",
      "genres": ["Action", "Design &amp; Illustration"],
      "app_name": name,
      "sentiment": "Mostly Positive",
      "title": name,
      "url": f"http://store.steampowered.com/app/{game_id}/",
      "release_date": "2017-07-24",
      "tags": ["Indie", "Design & Illustration", "Beat 'em up"],
      "reviews_url": f"http://steamcommunity.com/app/{game_id}/reviews/",
      "specs": ["Single-player"],
      "price": 4.99,
      "early_access": False,
      "id": game_id,
      "developer": "Sakari &amp; GriN",
    },
    changes,
  )


REVIEWS = [
  review("ann", "10", 3, text='It\'s "so" good\n\n\u2665 \U0001f600 C:\\n'),
  review("ann", "20", 1, user_id="76561198000000000", found_funny=3),
  review("ann", "30", 2, hours=None, compensation="Product received for free"),
  review("bob", "10", 1, text="don't"),
  review("bob", "20", 1, hours=1234.5),
  # The same in another row of the page, and again months later.
  review("bob", "20", 1, hours=1234.5, page_order=7),
  review("bob", "20", 28, hours=2000.0),
  review("bob", "30", 5, text=""),
  "{u'username': u'Name of cut of",
  review("ann", "99", 2),
  review(None, "10", 2),
  review("ann", "20", 2, date="Posted: soon"),
  review("cyd", "30", 2, hours="many"),
]

GAMES = [
  game("10", "Half &amp; Life", price="Free To Play"),
  game("20", "Don't Die", title=None, price=None, genres=None),
  game("30", "Late", release_date="Soon..", price="Starting at $449.00"),
  game("30", "Late again"),
  game("40", None),
  game(None, "No id", reviews_url=None),
  game("50", "Unseen", tags=None, genres=None, developer=None),
]


def write(folder: Path, reviews=REVIEWS, games=GAMES) -> Path:
  folder.mkdir(parents=True, exist_ok=True)
  for name, lines in {"reviews": reviews, "games": games}.items():
    data = "".join(line + "\n" for line in lines).encode()
    (folder / f"steam_{name}.json.gz").write_bytes(gzip.compress(data))
  return folder
