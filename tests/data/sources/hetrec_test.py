"""HetRec's files in small."""

import polars as pl
import pytest

from instructrec_jax.data.sources import finding

_MS = 1_286_151_259_123


def _write(folder, name, header, *rows, encoding="utf-8"):
  lines = [header, *("\t".join(map(str, row)) for row in rows)]
  data = "".join(line + "\r\n" for line in lines)
  (folder / name).write_bytes(data.encode(encoding))


def _read(name, folder):
  return finding.locate(name, folder, {})[1]()


@pytest.fixture
def lastfm(tmp_path):
  _write(
    tmp_path,
    "user_artists.dat",
    "userID\tartistID\tweight",
    (2, 51, 13883),
    (2, 52, 11690),
    (3, 51, 7),
    (3, "x", 7),
    (4, 51),
  )
  _write(
    tmp_path,
    "artists.dat",
    "id\tname\turl\tpictureURL",
    (51, 'MALICE "MIZER', "http://u", "http://p"),
    (52, "Motörhead", "http://u", ""),
  )
  return tmp_path


def test_lastfm(lastfm):
  raw = _read("hetrec/lastfm", lastfm)
  assert raw.order == "none"
  assert raw.interactions.rows() == [
    (2, 51, 13883),
    (2, 52, 11690),
    (3, 51, 7),
  ]
  assert raw.items.rows() == [(51, 'MALICE "MIZER'), (52, "Motörhead")]
  assert {b.reason: b.first for b in raw.bad["interactions"]} == {
    "not 3 fields": "user_artists.dat:6",
    "artistID is not a number": "user_artists.dat:5",
  }


def test_tags_that_most_users_gave_are_labels(lastfm):
  _write(
    lastfm,
    "tags.dat",
    "tagID\ttagValue",
    *((number, f"tag {number}") for number in range(1, 8)),
    (8, "años 80"),
    encoding="latin-1",
  )
  _write(
    lastfm,
    "user_taggedartists.dat",
    "userID\tartistID\ttagID\tday\tmonth\tyear",
    *((2, 51, tag, 1, 4, 2009) for tag in range(1, 9)),
    (3, 51, 8, 1, 4, 2009),
    (3, 51, 6, 1, 4, 2009),
    (4, 51, 8, 1, 4, 2009),
    (4, 52, 99, 1, 4, 2009),
  )
  items = _read("hetrec/lastfm", lastfm).items
  assert items["categories"].to_list() == [
    ["años 80", "tag 6", "tag 1", "tag 2", "tag 3"],
    [],
  ]


def test_movielens(tmp_path):
  _write(
    tmp_path,
    "user_ratedmovies-timestamps.dat",
    "userID\tmovieID\trating\ttimestamp",
    (75, 3, 0.5, _MS),
    (78, 32, 4.5, _MS + 1),
  )
  _write(
    tmp_path,
    "movies.dat",
    "id\ttitle\timdbID\tspanishTitle\tyear",
    (3, "Grumpy Old Men", 107050, "Dos viejos gruñones", 1993),
    (32, "\\N", 1, "x", "\\N"),
    encoding="latin-1",
  )
  _write(
    tmp_path,
    "movie_genres.dat",
    "movieID\tgenre",
    (3, "Comedy"),
    (3, "Romance"),
    (3, "Comedy"),
  )
  raw = _read("hetrec/movielens", tmp_path)
  times = raw.interactions["timestamp"]
  assert times.dtype == pl.Int64
  assert times.to_list() == [_MS * 1000, (_MS + 1) * 1000]
  assert raw.items.rows() == [
    (3, "Grumpy Old Men", 1993, ["Comedy", "Romance"]),
    (32, None, None, []),
  ]


def test_delicious(tmp_path):
  _write(
    tmp_path,
    "user_taggedbookmarks-timestamps.dat",
    "userID\tbookmarkID\ttagID\ttimestamp",
    (8, 1, 1, _MS + 5),
    (8, 1, 2, _MS),
    (9, 1, 2, _MS),
  )
  _write(
    tmp_path,
    "bookmarks.dat",
    "id\tmd5\ttitle\turl\tmd5Principal\turlPrincipal",
    (1, "ab", "A <b>page</b>", "http://x/", "cd", "x"),
  )
  _write(tmp_path, "tags.dat", "id\tvalue", (1, "library"), (2, "books"))
  raw = _read("hetrec/delicious", tmp_path)
  assert raw.interactions.rows() == [(8, 1, _MS * 1000), (9, 1, _MS * 1000)]
  assert raw.noted["interactions"] == {
    "lines merged with others of the same user and bookmark": 1
  }
  assert raw.items["categories"].to_list() == [["books", "library"]]
