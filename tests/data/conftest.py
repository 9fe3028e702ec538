"""Small raw files in the exact formats, quirks and all, made up here."""

import os
from pathlib import Path

import pytest

from instructrec_jax.data import normalize
from tests.data.raw_files import small_world, write_recbole

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def real_data():
  """Folder of real files; skips where there is none."""
  folder = Path(
    os.environ.get("INSTRUCTREC_REAL_DATA", REPOSITORY / "../shared/data")
  )
  if not folder.is_dir():
    pytest.skip(f"no real files at {folder} (set INSTRUCTREC_REAL_DATA)")
  return folder


@pytest.fixture
def ml_100k(tmp_path):
  """Seven users, five films; u.item in ISO-8859-1."""
  raw = tmp_path / "ml-100k"
  raw.mkdir()
  genres = ["unknown", "Action", "Children's", "Comedy"]
  (raw / "u.genre").write_text(
    "".join(f"{g}|{i}\n" for i, g in enumerate(genres)) + "\n"
  )
  films = [
    (1, "Usual Suspects, The (1995)", "0|1|0|1"),
    (2, "unknown", "1|0|0|0"),
    (3, "Cité des enfants perdus, La (1995)", "0|0|1|0"),
    (4, "Cry, the Beloved Country (1995)", "0|0|0|0"),
    (5, "Avventura, L' (Adventure, The) (1960)", "0|1|1|1"),
  ]
  (raw / "u.item").write_bytes(
    "".join(
      f"{i}|{title}|01-Jan-1995||http://x/{i}|{flags}\n"
      for i, title, flags in films
    ).encode("latin-1")
  )
  rows = [
    (user, film, 1 + (user + film) % 5, 880_000_000 + 10 * film)
    for user in (7, 6, 5, 4, 3, 2, 1)
    for film in (1, 2, 3, 4, 5)
  ]
  (raw / "u.data").write_text(
    "".join("\t".join(map(str, row)) + "\n" for row in rows)
    + "1\t2\n"  # Cut off.
    + "1\tx\t3\t880000000\n"
  )
  (raw / "u.user").write_text(
    "".join(f"{u}|{20 + u}|F|writer|0{u}067\n" for u in range(1, 10))
  )
  return raw


@pytest.fixture
def ml_1m(tmp_path):
  raw = tmp_path / "ml-1m"
  raw.mkdir()
  (raw / "movies.dat").write_bytes(
    "1::Toy Story (1995)::Animation|Children's|Comedy\n"
    "9::Misérables, Les (1995)::Drama\n"
    "12::Ran: A Film (1985)::Drama|War\n".encode("latin-1")
  )
  (raw / "ratings.dat").write_text(
    "".join(
      f"{u}::{m}::{1 + u % 5}::{978300760 + t}\n"
      for u in range(1, 5)
      for t, m in enumerate((12, 1, 9))
    )
  )
  (raw / "users.dat").write_text(
    "".join(f"{u}::M::{(1, 18, 25, 35)[u - 1]}::7::55455\n" for u in (1, 2, 3))
    + "4::F::1::10::55455-1234\n"
  )
  return raw


@pytest.fixture
def ml_csv(tmp_path):
  """CRLF, quotes by RFC 4180, no genre, no year."""
  raw = tmp_path / "ml-32m"
  raw.mkdir()
  (raw / "movies.csv").write_bytes(
    b"movieId,title,genres\r\n"
    b"1,Toy Story (1995),Adventure|Children\r\n"
    b'11,"American President, The (1995)",Comedy\r\n'
    b'20,"Say ""When"" (2010)",(no genres listed)\r\n'
    b"30,Moonlight,Drama\r\n"
  )
  (raw / "ratings.csv").write_bytes(
    b"userId,movieId,rating,timestamp\r\n"
    + b"".join(
      f"{u},{m},{r},{964982703 - 60 * m}\r\n".encode()
      for u in range(1, 4)
      for m, r in ((1, 4.0), (11, 0.5), (20, 3.5), (30, 5.0))
    )
  )
  return raw


@pytest.fixture
def games(tmp_path):
  """The raw folder of a small world."""
  return write_recbole(tmp_path / "raw", *small_world())


@pytest.fixture
def data_dir(games, tmp_path):
  """A data folder with the small world's tables."""
  normalize.normalize("instructrec/games", games, tmp_path / "data")
  return tmp_path / "data"
