"""Large logs in others' layouts, made up by a seed.

Those of MovieLens 32M, of Last.FM 1K, and of InstructRec's Games.
"""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

RATINGS = "ratings.csv"
PLAYS = "userid-timestamp-artid-artname-traid-traname.tsv"
# As their READMEs count them.
ML_32M = {"rows": 32_000_204, "users": 200_948, "items": 87_585}
LASTFM_1K = {"rows": 19_150_868, "users": 992, "items": 107_428}
GAMES = {"rows": 410_907, "users": 50_546, "items": 16_859}
_TRACKS = 1_083_471
_GENRES = ("Drama", "Comedy", "Thriller|Crime", "Children|Animation")
# Users whose ratings are drawn at a time.
_CHUNK = 4_000


def movielens(folder: Path, share: float, seed: int) -> int:
  """Writes ratings.csv and movies.csv, by user, then film.

  Args:
    folder: is made if need be.
    share: of the rows and users of MovieLens 32M.
    seed: of everything.

  Returns:
    How many ratings there are.
  """
  folder.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(seed)
  films, rows = _fewer(ML_32M["items"], share), round(ML_32M["rows"] * share)
  _movies(films).write_csv(folder / "movies.csv")
  per_user = ML_32M["rows"] / ML_32M["users"]
  written, first = 0, 1
  with (folder / RATINGS).open("wb") as file:
    while written < rows:
      # Some are drawn twice, and go.
      many = 20 + rng.gamma(0.6, per_user / 0.55, _CHUNK).astype(np.int64)
      user = np.repeat(np.arange(first, first + _CHUNK), many)
      film = (rng.random(user.size) ** 3 * films).astype(np.int64)
      pair = np.unique(user * films + film)[: rows - written]
      user, film = pair // films, pair % films
      joined = rng.integers(800_000_000, 1_690_000_000, first + _CHUNK)
      pl.DataFrame(
        {
          "userId": user,
          "movieId": film + 1,
          "rating": rng.integers(1, 11, pair.size) / 2,
          "timestamp": joined[user] + rng.integers(0, 5_000_000, pair.size),
        }
      ).write_csv(file, include_header=not written)
      written += pair.size
      first += _CHUNK
  return written


def _movies(films: int) -> pl.DataFrame:
  number = np.arange(1, films + 1)
  return pl.DataFrame({"movieId": number}).select(
    "movieId",
    title=pl.format("Film {}, The ({})", "movieId", 1930 + number % 90),
    genres=pl.Series(_GENRES)[number % len(_GENRES)],
  )


def lastfm(folder: Path, share: float, seed: int) -> int:
  """Writes the plays, each user's newest first, and userid-profile.tsv.

  Args:
    folder: is made if need be.
    share: of the plays of Last.FM 1K; there are as many users.
    seed: of everything.

  Returns:
    How many plays there are.
  """
  folder.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(seed)
  users, artists = LASTFM_1K["users"], _fewer(LASTFM_1K["items"], share)
  num_tracks = _fewer(_TRACKS, share)
  rows = round(LASTFM_1K["rows"] * share)
  many = rng.multinomial(rows, rng.dirichlet(np.full(users, 0.8)))
  names = _texts("Artist {} & the Others", artists)
  tracks = _texts("A song called {}", num_tracks)
  ids = {"artist": _mbids(artists, seed), "track": _mbids(num_tracks, seed + 1)}
  with (folder / PLAYS).open("wb") as file:
    for user, plays in enumerate(many.tolist(), 1):
      different = max(1, round(plays**0.7))
      own = (rng.random(different) ** 4 * artists).astype(np.int64)
      artist = own[(rng.random(plays) ** 3 * own.size).astype(np.int64)]
      track = (artist * 10 + rng.integers(0, 10, plays)) % num_tracks
      time = -np.sort(-rng.integers(1_108_000_000, 1_245_000_000, plays))
      _lines(
        file,
        pl.repeat(f"user_{user:06d}", plays, eager=True),
        pl.from_epoch(pl.Series(time)).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        ids["artist"][artist],
        names[artist],
        ids["track"][track],
        tracks[track],
      )
  (folder / "userid-profile.tsv").write_text(
    "#id\tgender\tage\tcountry\tregistered\n"
    + "".join(
      f"user_{user:06d}\t{'mf'[user % 2]}\t{15 + user % 50}\tPeru\t\n"
      for user in range(1, users + 1)
    )
  )
  return rows


def games(folder: Path, share: float, seed: int) -> int:
  """Writes Games-6k.test.inter and Games.item, as LLMRank distributes them.

  Args:
    folder: is made if need be.
    share: of the rows, users and items of InstructRec's Games.
    seed: of everything.

  Returns:
    How many purchases there are.
  """
  folder.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(seed)
  rows, users, items = (max(20, round(n * share)) for n in GAMES.values())
  # Five purchases a user at least, fifty at most, and none of a thing twice.
  many = np.minimum(
    5 + rng.geometric(users / (rows - 4 * users), users) - 1, 50
  )
  many = np.minimum(many, items)
  lines = ["user_id:token\titem_id_list:token_seq\titem_id:token"]
  for user, n in enumerate(many.tolist()):
    bought = rng.choice(items, n, replace=False).tolist()
    history = " ".join(map(str, bought[:-1]))
    lines.append(f"{user}\t{history}\t{bought[-1]}")
  (folder / "Games-6k.test.inter").write_text("\n".join(lines) + "\n")
  titles = [f"{n}\tGame {n} of the Knights &amp; Ladies" for n in range(items)]
  (folder / "Games.item").write_text(
    "\n".join(["item_id:token\ttitle:token_seq", *titles]) + "\n"
  )
  return int(many.sum())


def _fewer(items: int, share: float) -> int:
  """Returns fewer items below a tenth, or none would be met often enough."""
  return round(items * min(1.0, 10 * share))


def _lines(file: BinaryIO, *columns: pl.Series) -> None:
  frame = pl.DataFrame({f"{n}": column for n, column in enumerate(columns)})
  frame.write_csv(
    file, separator="\t", include_header=False, quote_style="never"
  )


def _texts(form: str, count: int) -> pl.Series:
  numbers = pl.DataFrame({"n": np.arange(count)})
  return numbers.select(pl.format(form, "n")).to_series()


def _mbids(count: int, seed: int) -> pl.Series:
  """Returns texts that look like MusicBrainz's ids; each tenth is empty."""
  digits = np.random.default_rng(seed).bytes(16 * count).hex()
  text = (digits[n : n + 32] for n in range(0, 32 * count, 32))
  return pl.Series(
    "" if n % 10 == 9
    else f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}"
    for n, t in enumerate(text)
  )  # fmt: skip
