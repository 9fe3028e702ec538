"""Whatever a file holds, each of its records is kept, or left out and counted.

Or the file is refused, by its name, in one line.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data import cleaning
from instructrec_jax.data.formats import quoted
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError

_TIME = 1_500_000_000
_ROWS = 6


def _interactions(raw):
  return raw.interactions.height


def _items(raw):
  return raw.items.height


def _users(raw):
  return raw.users.height


def _plays(raw):
  merged = raw.noted.get("interactions", {})
  what = "lines merged with others of the same user and artist"
  return raw.interactions.height + merged.get(what, 0)


def _marks(raw):
  merged = raw.noted.get("interactions", {})
  what = "lines merged with others of the same user and bookmark"
  return raw.interactions.height + merged.get(what, 0)


@dataclasses.dataclass(frozen=True)
class File:
  """A small file, and how its records are counted.

  Attributes:
    name: the file's.
    line: returns the line of a number.
    header: the first line; None if there is none.
    split: the separator.
    form: how quotes split it into records; None if each line is one.
    table: the key of what is counted.
    kept: the number of records that became rows; None if a record is no row.
  """

  name: str
  line: Callable[[int], str]
  header: str | None = None
  split: str = ","
  form: quoted.Form | None = None
  table: str = "interactions"
  kept: Callable | None = _interactions


@dataclasses.dataclass(frozen=True)
class Case:
  """A source, its files, and its options."""

  source: str
  files: Sequence[File]
  options: dict[str, str] = dataclasses.field(default_factory=dict)


def _table(suffix, split, **options):
  form = quoted.Form(split)

  def cells(*values):
    return split.join(values)

  names = ["user_id", "item_id", "timestamp", "rating"]
  return Case(
    "table",
    [
      File(
        f"interactions.{suffix}",
        lambda i: cells(f"u{i % 3}", f"i{i}", f"{_TIME + i}", "4.5"),
        cells(*names), split, form,
      ),
      File(
        f"items.{suffix}",
        lambda i: cells(f"i{i}", f"Title {i}", "$5", "['a']", "1999.0"),
        cells("item_id", "title", "price", "kind", "year"), split, form,
        "items", _items,
      ),
      File(
        f"users.{suffix}", lambda i: cells(f"u{i % 3}", "x", "Rome"),
        cells("user_id", "user", "city"), split, form, "user_attributes",
        _users,
      ),
    ],
    {"rating_column": "rating", "price_column": "price",
     "category_column": "kind", "year_column": "year", **options},
  )  # fmt: skip


def _csv(name, header, line, table="interactions", kept=_interactions):
  return File(name, line, header, ",", quoted.CSV, table, kept)


def _json(
  name, line, table="interactions", kept=_interactions, dump=json.dumps
):
  return File(name, lambda i: dump(line(i)), None, ",", None, table, kept)


_GENRES = ("unknown", "Action", "Drama")
_HEX = "0123456789abcdef" * 2 + "01234567"
_ITEMS = ("items", _items)
_USERS = ("user_attributes", _users)

CASES = {
  "csv": _table("csv", ","),
  "tsv": _table("tsv", "\t"),
  "semicolons": _table("csv", ";", delimiter=";"),
  "bars": _table("txt", "|", delimiter="|"),
  "colons": _table("dat", "::", delimiter="::"),
  "JSON lines": Case("table", [
    _json("interactions.jsonl", lambda i: {
      "user_id": f"u{i % 3}", "item_id": f"i{i}", "timestamp": _TIME + i,
      "rating": 4.5}),
    _json("items.jsonl", lambda i: {
      "item_id": f"i{i}", "title": f"Title {i}", "price": "$5",
      "kind": ["a"]}, *_ITEMS),
  ], {"rating_column": "rating", "price_column": "price",
      "category_column": "kind"}),
  "without a header": Case("table", [
    File("interactions.csv", lambda i: f"u{i % 3},i{i},{_TIME + i}", None, ",",
         quoted.Form(",", None, ("user_id", "item_id", "timestamp"))),
    File("items.tsv", lambda i: f"i{i}\tTitle {i}", "item_id\ttitle", "\t",
         quoted.Form("\t"), *_ITEMS),
  ], {"columns": "user_id,item_id,timestamp"}),
  "recbole": Case("recbole", [
    File("x.inter", lambda i: f"u{i % 3}\ti{i}\t4.5\t{_TIME + i}",
         "user_id:token\titem_id:token\trating:float\ttimestamp:float", "\t"),
    File("x.item", lambda i: f"i{i}\tTitle {i}\t$5\t1999\ta, b",
         "item_id:token\ttitle:token_seq\tprice:float\tyear:token\t"
         "categories:token_seq", "\t", None, *_ITEMS),
    File("x.user", lambda i: f"u{i % 3}\t7",
         "user_id:token\tuser:token", "\t", None, *_USERS),
  ]),
  "recbole's histories": Case("recbole", [
    File("x.inter", lambda i: f"u{i}\ti0 i1\ti{i}",
         "user_id:token\titem_id_list:token_seq\titem_id:token", "\t",
         kept=None),
    File("x.item", lambda i: f"i{i}\tTitle {i}",
         "item_id:token\ttitle:token_seq", "\t", None, *_ITEMS),
  ]),
  "100k": Case("movielens/100k", [
    File("u.data", lambda i: f"{i % 3}\t{i}\t4\t{_TIME + i}", None, "\t"),
    File("u.item", lambda i: f"{i}|Film {i} (1999)|x||y|0|1|1", None, "|", None,
         *_ITEMS),
    File("u.user", lambda i: f"{i}|24|M|writer|1", None, "|", None, *_USERS),
    File("u.genre", lambda i: f"{_GENRES[i]}|{i}" if i < 3 else "", None, "|",
         kept=None),
  ]),
  "1m": Case("movielens/1m", [
    File("ratings.dat", lambda i: f"{i % 3}::{i}::4::{_TIME + i}", None, "::"),
    File("movies.dat", lambda i: f"{i}::Film {i} (1999)::Drama", None, "::",
         None, *_ITEMS),
    File("users.dat", lambda i: f"{i}::M::25::3::1", None, "::", None, *_USERS),
  ]),
  "movielens in csv": Case("movielens/latest-small", [
    _csv("ratings.csv", "userId,movieId,rating,timestamp",
         lambda i: f"{i % 3},{i},4.5,{_TIME + i}"),
    _csv("movies.csv", "movieId,title,genres",
         lambda i: f'{i},"Film, The {i} (1999)",Drama|War', *_ITEMS),
  ]),
  "book_crossing": Case("book_crossing", [
    File("BX-Book-Ratings.csv", lambda i: f'"{i % 3}";"isbn{i}";"5"',
         '"User-ID";"ISBN";"Book-Rating"', ";"),
    File("BX-Books.csv",
         lambda i: f'"isbn{i}";"Book {i}";"A";"1999";"P";"x";"y";"z"',
         '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";'
         '"Publisher";"Image-URL-S";"Image-URL-M";"Image-URL-L"', ";", None,
         *_ITEMS),
    File("BX-Users.csv", lambda i: f'"{i}";"a, b, c";"30"',
         '"User-ID";"Location";"Age"', ";", None, *_USERS),
  ]),
  "book_crossing/commas": Case("book_crossing/commas", [
    _csv("Ratings.csv", "User-ID,ISBN,Book-Rating",
         lambda i: f"{i % 3},isbn{i},5"),
    _csv("Books.csv",
         "ISBN,Book-Title,Book-Author,Year-Of-Publication,Publisher",
         lambda i: f'isbn{i},"Book, {i}",A,1999,P', *_ITEMS),
    _csv("Users.csv", "User-ID,Location,Age",
         lambda i: f'{i},"a, b, c",30.0', *_USERS),
  ]),
  "book_crossing/kaggle": Case("book_crossing/kaggle", [
    _csv("Preprocessed_data.csv",
         "user_id,isbn,rating,book_title,book_author,year_of_publication,"
         "Category,age,location",
         lambda i: f"{i % 3},isbn{i},5,Book {i},A,1999.0,['Fiction'],30.0,x"),
  ]),
  "anime": Case("anime_2023", [
    _csv("users-score-2023.csv", "user_id,anime_id,rating",
         lambda i: f"{i % 3},{i},8"),
    _csv("anime-dataset-2023.csv",
         "anime_id,Name,English name,Genres,Studios,Synopsis,Aired",
         lambda i: f'{i},Name {i},UNKNOWN,"A, B",S,"It is, so","Apr 3, 1998"',
         *_ITEMS),
    _csv("users-details-2023.csv", "Mal ID,Gender,Birthday,Location",
         lambda i: f"{i},Male,1985-03-04T00:00:00+00:00,x", *_USERS),
  ]),
  "amazon_books": Case("amazon_books_reviews", [
    _csv("Books_rating.csv",
         "Title,User_id,review/score,review/time,review/summary,review/text",
         lambda i: f"Book {i},u{i % 3},4.0,{_TIME + i},Nice,A text"),
    _csv("books_data.csv",
         "Title,description,authors,categories,publishedDate",
         lambda i: f"Book {i},Text,\"['A', 'B']\",['Fiction'],1999-01",
         *_ITEMS),
  ]),
  "microlens": Case("microlens/100k", [
    _csv("MicroLens-100k_pairs.csv", "user,item,timestamp",
         lambda i: f"{i % 3},{i},{_TIME + i}000"),
    File("MicroLens-100k_title_en.csv", lambda i: f"{i},A title, {i}",
         "item,title", table="items", kept=_items),
  ]),
  "microlens in order": Case("microlens/100k", [
    File("MicroLens-100k_pairs.tsv", lambda i: f"{i}\t0 1 2 {i}", None, "\t",
         kept=None),
    File("MicroLens-100k_title_en.csv", lambda i: f"{i},Title {i}",
         "item,title", table="items", kept=_items),
  ]),
  "s3_rec": Case("s3_rec", [
    File("sequential_data.txt", lambda i: f"{i} 1 {i}", None, " ", kept=None),
    File("items.tsv", lambda i: f"{i}\tB00{i}\tsome words",
         "item\tasin\ttext", "\t", None, *_ITEMS),
  ]),
  "pixelrec": Case("pixelrec/50k", [
    _csv("Pixel50K_interaction.csv", "user_id,item_id,timestamp",
         lambda i: f"u{i % 3},i{i},{_TIME + i}"),
    _csv("Pixel50K_item_info.csv", "item_id,title,tag,description",
         lambda i: f'i{i},Title {i},fun,"Two\nlines"', *_ITEMS),
  ]),
  "mind": Case("mind/small", [
    File("behaviors.tsv",
         lambda i: f"{i}\tU{i}\t11/{i + 1}/2019 9:00:00 AM\tN0\tN{i}-1 N1-0",
         None, "\t", kept=None),
    File("news.tsv", lambda i: f"N{i}\tnews\tworld\tTitle {i}\tText\tx\t[]\t[]",
         None, "\t", None, *_ITEMS),
  ]),
  "lastfm/1k": Case("lastfm/1k", [
    File("userid-timestamp-artid-artname-traid-traname.tsv",
         lambda i: f"u{i % 3}\t2009-05-04T23:0{i}:57Z\tx\tArtist {i}\ty\tz",
         None, "\t", kept=_plays),
    File("userid-profile.tsv", lambda i: f"u{i}\tm\t30\tJapan\tx",
         "#id\tgender\tage\tcountry\tregistered", "\t", None, *_USERS),
  ]),
  "lastfm/360k": Case("lastfm/360k", [
    File("usersha1-artmbid-artname-plays.tsv",
         lambda i: f"{i % 3}{_HEX[1:]}\tx\tArtist {i}\t7", None, "\t",
         kept=_plays),
    File("usersha1-profile.tsv", lambda i: f"{i}{_HEX[1:]}\tm\t30\tJapan\tx",
         None, "\t", None, *_USERS),
  ]),
  "hetrec/lastfm": Case("hetrec/lastfm", [
    File("user_artists.dat", lambda i: f"{i % 3}\t{i}\t7",
         "userID\tartistID\tweight", "\t"),
    File("artists.dat", lambda i: f"{i}\tArtist {i}\tx\ty",
         "id\tname\turl\tpictureURL", "\t", None, *_ITEMS),
  ]),
  "hetrec/movielens": Case("hetrec/movielens", [
    File("user_ratedmovies-timestamps.dat",
         lambda i: f"{i % 3}\t{i}\t4.5\t{_TIME + i}000",
         "userID\tmovieID\trating\ttimestamp", "\t"),
    File("movies.dat", lambda i: f"{i}\tFilm {i}\t1999",
         "id\ttitle\tyear", "\t", None, *_ITEMS),
    File("movie_genres.dat", lambda i: f"{i}\tDrama", "movieID\tgenre", "\t",
         kept=None),
  ]),
  "hetrec/delicious": Case("hetrec/delicious", [
    File("user_taggedbookmarks-timestamps.dat",
         lambda i: f"{i % 3}\t{i}\t4\t{_TIME + i}000",
         "userID\tbookmarkID\ttagID\ttimestamp", "\t", kept=_marks),
    File("bookmarks.dat", lambda i: f"{i}\tx\tPage {i}\ty",
         "id\tmd5\ttitle\turl", "\t", None, *_ITEMS),
  ]),
  "amazon_2014": Case("amazon_2014/Beauty", [
    _json("reviews_Beauty_5.json", lambda i: {
      "reviewerID": f"u{i % 3}", "asin": f"i{i}", "overall": 5.0,
      "helpful": [1, 2], "unixReviewTime": _TIME + i, "reviewText": "A text",
      "summary": "Nice"}),
    _json("meta_Beauty.json", lambda i: {
      "asin": f"i{i}", "title": f"Title {i}", "price": 5.0, "brand": "B",
      "categories": [["A", "B"]], "related": {"also_bought": ["i1"]}},
      *_ITEMS, dump=repr),
  ]),
  "amazon_2018": Case("amazon_2018/Gift_Cards", [
    _json("Gift_Cards_5.json", lambda i: {
      "reviewerID": f"u{i % 3}", "asin": f"i{i}", "overall": 5.0,
      "unixReviewTime": _TIME + i, "reviewText": "A text", "summary": "Nice"}),
    _json("meta_Gift_Cards.json", lambda i: {
      "asin": f"i{i}", "title": f"Title {i}", "price": "$5", "brand": "B",
      "category": ["A"], "description": ["Text"]}, *_ITEMS),
  ]),
  "amazon_2023": Case("amazon_2023/Gift_Cards", [
    _json("Gift_Cards.jsonl", lambda i: {
      "user_id": f"u{i % 3}", "parent_asin": f"i{i}", "rating": 5.0,
      "timestamp": (_TIME + i) * 1000, "text": "A text", "title": "Nice"}),
    _json("meta_Gift_Cards.jsonl", lambda i: {
      "parent_asin": f"i{i}", "title": f"Title {i}", "price": 5.0,
      "store": "B", "categories": ["A"], "description": ["Text"]}, *_ITEMS),
  ]),
  "steam": Case("steam", [
    _json("steam_reviews.json", lambda i: {
      "username": f"u{i % 3}", "product_id": f"{i}", "hours": 1.5,
      "date": f"2017-01-0{i + 1}", "text": "A text"}, dump=repr),
    _json("steam_games.json", lambda i: {
      "id": f"{i}", "app_name": f"Game {i}", "title": f"Game {i}", "price": 5.0,
      "reviews_url": "x", "genres": ["A"], "release_date": "2017-01-01"},
      *_ITEMS, dump=repr),
  ]),
  "yelp": Case("yelp", [
    _json("yelp_academic_dataset_review.json", lambda i: {
      "review_id": f"r{i}", "user_id": f"u{i % 3}", "business_id": f"b{i}",
      "stars": 5.0, "date": f"2017-01-0{i + 1} 10:00:00", "text": "A text"}),
    _json("yelp_academic_dataset_business.json", lambda i: {
      "business_id": f"b{i}", "name": f"Place {i}", "city": "X", "state": "Y",
      "categories": "A, B"}, *_ITEMS),
  ]),
}  # fmt: skip

_VALUES = st.sampled_from([
  "u0", "u1", "i0", "i1", "0", "1", "5", "4,5", "nan", "inf", "-1", "1e400",
  "$12.99", "NULL", r"\N", "N/A", "", " ", '"', '""', '"a', 'a"', '"a""b"',
  "é", "٣", "\0", "\r", "\ufeff", "'", "[", "['a", "{", "<b>", "&amp;", "a;b",
  "99999999999999999999", f"{_TIME}", "2017-01-01", "-", "\u2028", "x" * 300,
])  # fmt: skip


def _junk(file: File) -> st.SearchStrategy[bytes]:
  """Lines that a file may hold beside its own."""
  fields = file.line(0).count(file.split) + 1
  cells = st.lists(_VALUES, min_size=fields, max_size=fields) | st.lists(
    _VALUES, max_size=fields + 2
  )
  written = cells.map(file.split.join)
  # One of its own lines, with a value in place of some characters.
  changed = st.builds(
    lambda i, at, value: file.line(i)[:at] + value + file.line(i)[at + 3 :],
    st.integers(0, _ROWS - 1),
    st.integers(0, len(file.line(0))),
    _VALUES,
  )
  encoded = st.builds(
    lambda text, encoding: text.encode(encoding, "replace"),
    written | changed,
    st.sampled_from(["utf-8", "utf-8", "latin-1"]),
  )
  return encoded | st.binary(max_size=20).map(lambda b: b.replace(b"\n", b""))


def _write(case, folder, spoilt, junk, end):
  for file in case.files:
    lines = [file.line(i).encode() for i in range(_ROWS)]
    if file is spoilt:
      for at, line in junk:
        lines.insert(at, line)
    if file.header is not None:
      lines.insert(0, file.header.encode())
    (folder / file.name).write_bytes(end.join([*lines, b""]))


def _records(path, file):
  """Returns how many records a file has."""
  if file.form is not None:
    names = quoted.header(path, file.form)
    pieces = list(quoted.pieces(path, names[:1], file.form))
    left_out = sum(len(at) for p in pieces for at in p.wrong.values())
    return left_out + sum(piece.rows.height for piece in pieces)
  data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
  # What is left of a line that ends in \r\n is empty.
  blank = bytes.strip if file.line(0)[0] == "{" else (
    lambda line: line.removesuffix(b"\r")
  )  # fmt: skip
  return sum(bool(blank(line)) for line in data.split(b"\n")) - (
    file.header is not None
  )


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=8)
@given(data=st.data())
def test_every_record_is_kept_or_left_out_for_a_reason(
  name, data, tmp_path_factory
):
  case = CASES[name]
  spoilt = data.draw(st.sampled_from(case.files), "file")
  place = st.tuples(st.integers(0, _ROWS), _junk(spoilt))
  junk = data.draw(st.lists(place, max_size=6), "junk")
  end = data.draw(st.sampled_from([b"\n", b"\r\n"]), "end")
  folder = tmp_path_factory.mktemp("raw")
  _write(case, folder, spoilt, junk, end)
  _, read = finding.locate(case.source, folder, case.options)
  try:
    raw = read(scratch=folder / "scratch")
  except InputError as error:
    _check_refusal(str(error), spoilt)
    return
  for file in case.files:
    records = _records(folder / file.name, file)
    left_out = sum(b.rows for b in raw.bad.get(file.table, ()) if not b.kept)
    if file.kept is not None:
      assert file.kept(raw) + left_out == records, file.name
    elif file.name != "u.genre":
      assert left_out <= records
  _check_tables(raw)


def _check_refusal(said, file):
  # The genres say how many fields a film has.
  names = ("u.genre", "u.item") if file.name == "u.genre" else (file.name,)
  assert any(name in said for name in names)
  assert "\n" not in said
  assert len(said) < 1500


def _check_tables(raw):
  """Cleaning counts every row, and leaves no number that is none."""
  try:
    tables, counts = cleaning.clean(raw, 1)
  except InputError:
    return  # No interaction has an item with a title.
  for table in ("interactions", "items", "users"):
    count = counts[table]
    assert count["read"] == count["kept"] + sum(count["dropped"].values())
    numbers = tables[table].select(pl.col(pl.Float32, pl.Float64))
    for column in numbers:
      assert column.is_finite().all(), column.name
  titles = tables["items"]["title"]
  assert (titles.str.strip_chars() != "").all()
