"""Reviews and metadata as Amazon's 2018 edition has them, made up by a seed.

Every user has written five reviews or more and every item has got as many, so
that a 5-core keeps them all. Users lean to a theme, which shows in the labels,
the brand and the title of what they buy. A review is put together from
sentences that state a purpose, a recipient or an occasion, and of others that
state none; some have HTML, entities or a link in them.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

CATEGORY = "Video_Games"
_LEAST = 5
# After which there are too few users and items for so many reviews.
_PASSES = 1000
# How often a review says what the thing was for.
_PURPOSE = 0.6
_PLATFORMS = ("PC", "PlayStation 4", "Xbox One", "Nintendo Switch", "Wii U")
_KINDS = ("Games", "Accessories", "Controllers", "Headsets", "Consoles")
# Word of a title, and its theme.
_THEMES = (
  "Racing", "Farming", "Puzzle", "Football", "Space", "Pirate", "Cooking",
  "Fantasy", "Detective", "Railway", "Dance", "Fishing", "Chess", "Dragon",
  "Robot", "Island", "Castle", "Desert", "Garden", "Ghost", "Tennis", "Wizard",
  "Flight", "Diving",
)  # fmt: skip
_NAMES = (
  "Amber", "Birch", "Cobalt", "Dapple", "Ember", "Fallow", "Granite", "Heather",
  "Indigo", "Juniper", "Kestrel", "Lantern", "Marble", "Nettle", "Otter",
  "Pebble", "Quartz", "Raven", "Saffron", "Thistle", "Umber", "Violet",
  "Willow", "Yarrow", "Zephyr",
)  # fmt: skip
_NOUNS = (
  "Quest", "Manager", "Club", "Legends", "Party", "Valley", "Trials", "Academy",
  "Stories", "Masters", "Rivals", "Summer", "Kingdom", "Workshop", "Express",
  "Odyssey", "Harbour", "Station", "Tournament", "Festival",
)  # fmt: skip
_WHO = tuple(
  f"{whose} {who}"
  for whose in ("my", "our", "my little", "my best friend and", "my older",
                "my ten year old", "my favourite", "our grown")
  for who in ("son", "nephew", "daughter", "sister", "cousin", "niece",
              "brother", "neighbour", "grandson", "students", "roommate")
)  # fmt: skip
_WHEN = (
  "birthday", "Christmas", "graduation", "wedding", "Easter", "anniversary",
  "Valentine's Day", "Father's Day", "house-warming", "baby shower",
)  # fmt: skip
_DOING = tuple(
  f"{what} {how}"
  for what in ("play chess", "relax", "keep the children busy", "read maps",
               "practise passing", "complete the collection", "train for races",
               "travel light", "start a club", "learn the rules", "make music",
               "watch films", "build bridges", "cook for friends")
  for how in ("on rainy weekends", "after work", "on long drives", "at home",
              "before the next match", "in the evening", "with the neighbours",
              "during the holidays", "on a small screen", "at the cabin")
)  # fmt: skip
_WANTED = tuple(
  f"{what} {which}"
  for what in ("a slow story", "a spare pad", "a long campaign", "a stand",
               "a headset", "an easy puzzle", "a racing wheel", "a quiz",
               "something new", "a second screen", "a carrying case")
  for which in ("for winter evenings", "for visitors", "without a timer",
                "for the shelf", "with short levels", "for four players",
                "with large letters", "in bright colours", "for an old laptop")
)  # fmt: skip
_GOOD_FOR = tuple(
  f"{what} {where}"
  for what in ("long evenings", "small hands", "quiet people", "beginners",
               "big families", "parties", "slow readers", "late hours")
  for where in ("at home", "on the road", "in winter", "without a sofa",
                "on a budget", "in small flats", "at work")
)  # fmt: skip
_PURPOSES = (
  "I bought this for {who}, for {when}.",
  "A {when} present for {who}, and a welcome one.",
  "Got it as a gift for {who}.",
  "{who} loves it and asks for it every day.",
  "I bought it to {doing}.",
  "We use it to {doing}.",
  "I was looking for {wanted}, and here it is.",
  "I needed {wanted}.",
  "This is great for {good}!",
  "Perfect for {good}.",
  "It works well with my {platform}.",
  "I wanted {wanted} so that I can {doing}.",
  "Bought this to replace my old {platform} set.",
  "My mail is {who_short}@example.com if you want to {doing}.",
)
_NOISE = (
  "The box came two days late, which I did not mind.",
  "It took an evening until I saw what the second menu does.",
  "I have had it for {number} weeks now.",
  "The middle part drags on, if you ask me.",
  "Some of the voices sound as if read from a page.",
  "I would not pay the full price again.",
  "Loading takes {number} seconds, no more.",
  "The manual has {number} pages, and half of them are pictures.",
  "{theme} fans will see where the ideas come from.",
  "There is nothing here that the {noun} of last year did not have.",
  "The colours are warm and the maps are easy to tell apart.",
  "Compared with {name} {noun} it is the lighter one of the two.",
  "It froze once in {number} hours, and the save was still there.",
  "On {platform} the text is rather small.",
  "The sound of the {theme} part stays in your head for days.",
  "I did not think that I would finish it, and then I did.",
  "Nobody told me that the last {number} levels are so hard.",
  "Whoever wrote the {theme} chapter deserves a raise.",
  "<br /><br />Update: after {number} months it still runs.",
  "The &quot;{name}&quot; mode is hidden behind the third door.",
  "More of it at http://example.com/{name}/{number}.",
  "Graphics &amp; music are fine, the rest is a matter of taste.",
)
_HEADLINES = (
  "Five Stars", "Four Stars", "As described", "{theme} done right",
  "Good for {good}", "Not for me", "A {when} hit", "Better than {name} {noun}",
  "Great fun", "Would buy again", "{number} out of ten",
)  # fmt: skip
_SLOTS = {
  "who": _WHO,
  "when": _WHEN,
  "doing": _DOING,
  "wanted": _WANTED,
  "good": _GOOD_FOR,
  "platform": _PLATFORMS,
  "theme": _THEMES,
  "name": _NAMES,
  "noun": _NOUNS,
  "who_short": ("jo", "kim", "pat"),
  "number": tuple(map(str, range(2, 90))),
}
# Different sentences and headlines that are drawn from.
_DRAWN = 20_000


def write(
  folder: Path, users: int, items: int, reviews: int, seed: int = 0
) -> None:
  """Writes <CATEGORY>_5.json.gz and meta_<CATEGORY>.json.gz.

  Args:
    folder: is made if need be.
    users: reviewers.
    items: with metadata and a title each.
    reviews: of different pairs of user and item; five a user and item at least.
    seed: of everything.
  """
  folder.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(seed)
  theme = rng.integers(len(_THEMES), size=items)
  user, item = _pairs(rng, users, theme, reviews)
  _dump(folder / f"{CATEGORY}_5.json.gz", _reviews(rng, user, item))
  _dump(folder / f"meta_{CATEGORY}.json.gz", _metadata(rng, theme))


def _pairs(
  rng: np.random.Generator, users: int, theme: np.ndarray, reviews: int
) -> tuple[np.ndarray, np.ndarray]:
  """Draws who reviews what: codes [reviews] of users and items, all pairs new.

  Users and items come as often as they are to, each side in the order of its
  themes with some noise, and are put side by side; what comes twice changes
  its item with a neighbour.
  """
  user = _times(rng, rng.gamma(0.6, size=users), reviews)
  item = _times(rng, rng.gamma(0.4, size=theme.size), reviews)
  taste = rng.uniform(0, len(_THEMES), users)[user]
  user = user[np.argsort(taste + rng.normal(0, 0.5, reviews))]
  item = item[np.argsort(theme[item] + rng.uniform(0, 1, reviews))]
  for _ in range(_PASSES):
    pair = user * np.int64(theme.size) + item
    order = np.argsort(pair, kind="stable")
    twice = order[1:][pair[order[1:]] == pair[order[:-1]]]
    if not twice.size:
      break
    for row in twice:
      other = (row + rng.integers(1, 5_000)) % reviews
      item[[row, other]] = item[[other, row]]
  else:
    raise ValueError(
      f"{reviews} reviews of {theme.size} items by {users} users do not come "
      "out as different pairs: expected more users and items"
    )
  order = rng.permutation(reviews)
  return user[order], item[order]


def _times(
  rng: np.random.Generator, weight: np.ndarray, total: int
) -> np.ndarray:
  """Returns each code at least _LEAST times, and more often by its weight."""
  least = np.repeat(np.arange(weight.size), _LEAST)
  more = rng.choice(weight.size, total - least.size, p=weight / weight.sum())
  return np.concatenate([least, more])


def _worded(rng: np.random.Generator, texts: Iterable[str]) -> list[str]:
  """Draws texts with their slots filled in."""
  texts = tuple(texts)
  chosen = {s: rng.integers(len(w), size=_DRAWN) for s, w in _SLOTS.items()}
  return [
    texts[row].format(**{s: _SLOTS[s][n[i]] for s, n in chosen.items()})
    for i, row in enumerate(rng.integers(len(texts), size=_DRAWN))
  ]


def _reviews(
  rng: np.random.Generator, user: np.ndarray, item: np.ndarray
) -> Iterable[dict]:
  purposes, noise, headlines = (
    _worded(rng, texts) for texts in (_PURPOSES, _NOISE, _HEADLINES)
  )
  sentences = 1 + rng.geometric(0.15, user.size)
  start = rng.integers(_DRAWN, size=user.size)
  # Where the sentence of the purpose stands, if there is one.
  place = np.where(
    rng.random(user.size) < _PURPOSE, rng.integers(sentences), -1
  )
  rating = rng.choice(5, user.size, p=(0.07, 0.06, 0.1, 0.2, 0.57)) + 1
  time = rng.integers(1_000_000_000, 1_538_000_000, user.size)
  columns = (user, item, rating, time, sentences, start, place)
  for u, i, r, t, n, s, p in zip(*(c.tolist() for c in columns), strict=True):
    text = [noise[(s + 7 * k) % _DRAWN] for k in range(n)]
    if p >= 0:
      text[p] = purposes[s]
    yield {
      "overall": float(r),
      "verified": True,
      "reviewTime": "06 17, 2016",
      "reviewerID": f"A{u:013d}",
      "asin": f"B{i:09d}",
      "style": {"Format:": " Video Game"},
      "reviewerName": "Some Customer",
      "reviewText": " ".join(text),
      "summary": headlines[s],
      "unixReviewTime": t,
    }


def _metadata(rng: np.random.Generator, theme: np.ndarray) -> Iterable[dict]:
  name, noun, platform, kind = (
    rng.integers(len(words), size=theme.size)
    for words in (_NAMES, _NOUNS, _PLATFORMS, _KINDS)
  )
  price = rng.lognormal(3.2, 0.7, theme.size)
  for i, (t, a, o, p, k) in enumerate(
    zip(theme, name, noun, platform, kind, strict=True)
  ):
    yield {
      "category": [
        "Video Games", _PLATFORMS[p], _KINDS[k], f"{_THEMES[t]} Games"
      ],
      "description": [f"{_NAMES[a]} {_NOUNS[o]} is about more than it shows."],
      "title": (
        f"{_NAMES[a]} {_THEMES[t]} {_NOUNS[o]} {i % 40 + 1} - {_PLATFORMS[p]}"
      ),
      "brand": f"{_THEMES[t]} {_NAMES[(t * 7 + k) % len(_NAMES)]} Studios",
      "price": f"${price[i]:.2f}",
      "asin": f"B{i:09d}",
      "main_cat": "Video Games",
    }  # fmt: skip


def _dump(path: Path, rows: Iterable[dict]) -> None:
  # Packing more tightly would take longer than all the rest.
  with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
    file.writelines(json.dumps(row) + "\n" for row in rows)
