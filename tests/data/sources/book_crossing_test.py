import csv
import re

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_IMAGES = ";".join(f'"http://x/{size}.jpg"' for size in "SML")


def _book(isbn, title, author, year="2002", end=_IMAGES):
  return f'"{isbn}";"{title}";"{author}";"{year}";"Press";{end}'


_BOOKS = [
  '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";'
  '"Image-URL-S";"Image-URL-M";"Image-URL-L"',
  _book("0195153448", "Classical Mythology", "Mark P. O. Morford"),
  _book("034545104X", 'Flesh &amp; Blood; or: \\"More\\"', "A. B."),
  _book("3442437407", "Die Gr\xf6\xdfe", "M\xfcller", "0"),
  _book("0002005018", 'Proof \\"A\\"; \\"B\\";C', "X"),
  # The quote after the title is escaped: the author is in its field.
  '"078946697X";"X-Men (Level 4)\\";Michael Teitelbaum";"2000";"DK";' + _IMAGES,
  _book("0771074670", "Shifted", "DK Publishing", "Gallimard"),
  '"0000000000";"Cut off";"Nobody"',
]
_USERS = [
  '"User-ID";"Location";"Age"',
  '"1";"nyc, new york, usa";NULL',
  '"2";"weston, ,";"14"',
  '"3";"n/a, n/a, n/a";"239"',
  '"4";"m\xe9xico, m\xe9xico city, distrito federal";"0"',
  '"5";"seoul, n/a, \\"korea\\"";"44"',
  '"6";"broken',
  'by a line";"20"',
]
_RATINGS = (
  ['"User-ID";"ISBN";"Book-Rating"']
  + [
    f'"{user}";"{isbn}";"{rating}"'
    for user in (2, 1, 3, 4, 5)
    for isbn, rating in (
      ("3442437407", 0),
      ("034545104x", 7),
      ("0195153448", 5),
      ("2005018", 8),
      ("078946697X ", 9),
      ("0000000001", 3),
    )
  ]
  + ['"9";"0195153448";"high"', '"9";"";"1"']
)


@pytest.fixture
def dump(tmp_path):
  raw = tmp_path / "raw"
  raw.mkdir()
  for name, lines in (
    ("Book-Ratings", _RATINGS),
    ("Books", _BOOKS),
    ("Users", _USERS),
  ):
    (raw / f"BX-{name}.csv").write_bytes(
      "".join(f"{line}\r\n" for line in lines).encode("cp1252")
    )
  return raw


def test_book_crossing(dump, tmp_path):
  manifest = normalize.normalize("book_crossing", dump, tmp_path / "data")
  tables = read_tables(tmp_path / "data", "book_crossing")
  assert tables["items"].drop("item").rows() == [
    ("0195153448", "Classical Mythology", "Mark P. O. Morford", 2002),
    ("034545104X", 'Flesh & Blood; or: "More"', "A. B.", 2002),
    ("3442437407", "Die Größe", "Müller", None),
    ("0002005018", 'Proof "A"; "B";C', "X", 2002),
    ("078946697X", "X-Men (Level 4)", "Michael Teitelbaum", 2000),
  ]
  assert tables["users"].drop("user").rows() == [
    ("2", 14, "weston"),
    ("1", None, "nyc, new york, usa"),
    ("3", None, None),
    ("4", None, "méxico, méxico city, distrito federal"),
    ("5", 44, 'seoul, "korea"'),
  ]
  events = tables["interactions"]
  assert events.columns == ["user", "item", "rating"]
  # There are no times, so each user's order is drawn.
  assert sorted(events.drop("user").rows()) == sorted(
    [(0, 5), (1, 7), (2, None), (3, 8), (4, 9)] * 5
  )
  assert events["item"].to_list() != [*events["item"][:5]] * 5
  counts = manifest["counts"]
  assert counts["interactions"] == {
    "read": 32,
    "dropped": {
      "Book-Rating is not a number": 1,
      "ISBN is missing": 1,
      "item not listed": 5,
    },
    "kept": 25,
    "noted": {
      "ISBN corrected: capitals, blanks, leading zeros": 15,
      "rating 0, which means no rating": 5,
    },
  }
  assert counts["items"]["read"] == 7
  assert counts["items"]["dropped"] == {
    "not 8 fields": 1,
    "without usable interaction": 1,
  }
  assert counts["items"]["noted"] == {
    "year is not from 1400 to 2005": 1,
    "author separated from the title": 1,
    "Year-Of-Publication is not a number, so unknown": 1,
  }
  assert counts["user_attributes"]["dropped"] == {"not 3 fields": 2}
  assert counts["user_attributes"]["noted"] == {"age is not from 5 to 110": 2}
  assert counts["first_bad"]["items: not 8 fields"] == "BX-Books.csv:8"
  assert counts["first_bad"]["user_attributes: not 3 fields"] == (
    "BX-Users.csv:7"
  )


def test_kaggle_s_folder_and_a_copy_in_utf8_without_quotes(dump, tmp_path):
  want = finding.locate("book_crossing", dump, {})[1]()
  (tmp_path / "kaggle").mkdir()
  dump.rename(tmp_path / "kaggle/Book reviews")
  got = finding.locate("book_crossing", tmp_path / "kaggle", {})[1]()
  assert got.interactions.equals(want.interactions)
  path = tmp_path / "kaggle/Book reviews/BX-Book-Ratings.csv"
  path.write_text(path.read_text().replace('"', ""))
  got = finding.locate("book_crossing", tmp_path / "kaggle", {})[1]()
  assert got.interactions.equals(want.interactions)


def test_another_table_is_refused(dump):
  (dump / "BX-Users.csv").write_text('"User-ID";"Place"\n"1";"x"\n')
  with pytest.raises(
    InputError, match=r"BX-Users\.csv:1: expected the columns"
  ):
    finding.locate("book_crossing", dump, {})[1]()


_PREPROCESSED = """\
,user_id,location,age,isbn,rating,book_title,book_author,\
year_of_publication,publisher,img_s,img_m,img_l,Summary,Language,Category,\
city,state,country
0,2,"stockton, california, usa",18.0,0195153448,0,Classical Mythology,\
Mark P. O. Morford,2002.0,Oxford,s,m,l,"Provides ""an"" introduction",en,\
['Social Science'],stockton,california,usa
1,8,"timmins, ontario, canada",34.7439,0002005018,5,Clara Callan,\
Richard Bruce Wright,2001.0,Harper,s,m,l,9,9,9,timmins,ontario,canada
2,8,"timmins, ontario, canada",34.7439,0195153448,7,Classical Mythology,\
Mark P. O. Morford,2002.0,Oxford,s,m,l,"Provides ""an"" introduction",en,\
['Social Science'],timmins,ontario,canada
3,8,"timmins, ontario, canada",34.7439,,7,,,,,,,,,,,,,
"""


def test_kaggle_s_joined_table(tmp_path):
  (tmp_path / "Preprocessed_data.csv").write_text(_PREPROCESSED)
  raw = finding.locate("book_crossing/kaggle", tmp_path, {})[1]()
  assert raw.interactions.rows() == [
    (2, "0195153448", None),
    (8, "0002005018", 5),
    (8, "0195153448", 7),
  ]
  assert raw.items.rows() == [
    (
      "0195153448",
      "Classical Mythology",
      "Mark P. O. Morford",
      2002,
      ["Social Science"],
    ),
    ("0002005018", "Clara Callan", "Richard Bruce Wright", 2001, []),
  ]
  assert raw.users.rows() == [
    (2, 18, "stockton, california, usa"),
    (8, None, "timmins, ontario, canada"),
  ]
  assert raw.noted["user_attributes"] == {"age is the mean of all users": 1}
  assert [(b.reason, b.first) for b in raw.bad["interactions"]] == [
    ("isbn is missing", "Preprocessed_data.csv:5")
  ]
  tables = normalize.normalize(
    "book_crossing/kaggle", tmp_path, tmp_path / "data", k_core=1
  )
  assert tables["counts"]["interactions"]["kept"] == 3


def test_real_book_crossing(real_data, tmp_path):
  folder = real_data / "book-crossing"
  header, books = (folder / "BX-Books.csv").read_bytes().split(b"\n", 1)
  assert header.strip() == b"0;1;2;3;4;5;6;7"
  names = re.sub('"', "", _BOOKS[0]).encode()
  (tmp_path / "books.csv").write_bytes(names + b"\n" + books)
  raw = finding.locate(
    "book_crossing", folder, {"items_file": str(tmp_path / "books.csv")}
  )[1]()
  assert raw.interactions.height == 99_998
  # Without quotes, a place with a semicolon cannot be told from two fields.
  (bad,) = raw.bad["user_attributes"]
  assert (raw.users.height, bad.rows) == (99_999 - 44, 44)
  (bad,) = (b for b in raw.bad["items"] if b.reason == "not 8 fields")
  text = (folder / "BX-Books.csv").read_text("cp1252", errors="replace")
  rows = list(
    csv.reader(text.split("\n")[1:], delimiter=";", quoting=csv.QUOTE_NONE)
  )
  assert bad.rows == sum(bool(row) and len(row) != 8 for row in rows) == 594
  # The copy took the ISBNs of ratings for numbers.
  known = set(raw.items["item_id"])
  ratings = (
    (folder / "BX-Book-Ratings.csv").read_text("latin-1").split("\n")[1:]
  )
  as_given = sum(
    line.count(";") and line.split(";")[1] in known for line in ratings
  )
  found = raw.interactions["item"].is_in(list(known)).sum()
  assert found > 2 * as_given


def _commas(folder):
  folder.mkdir()
  (folder / "Ratings.csv").write_text(
    "User-ID,ISBN,Book-Rating\r\n1,2005018,5\r\n1,034545104X,0\r\n"
    "2,078946697X,8\r\nx,078946697X,8\r\n"
  )
  (folder / "Books.csv").write_text(
    "ISBN,Book-Title,Book-Author,Year-Of-Publication,Publisher,"
    "Image-URL-S,Image-URL-M,Image-URL-L\r\n"
    '0002005018,"Proof, ""A""",X. Y.,2001,"Press, Inc",s,m,l\r\n'
    "034545104X,Flesh &amp; Blood,A. B.,0,Press,s,m,l\r\n"
    '078946697X,"X-Men (Level 4)\\"";Michael Teitelbaum""",2000,'
    "DK Publishing Inc,s,m,l,\r\n"
    "0771074670,Odd,C. D.,unknown,Press,s,m,l\r\n"
  )
  (folder / "Users.csv").write_text(
    'User-ID,Location,Age\r\n1,"nyc, new york, usa",\r\n'
    '2,"porto, n/a, portugal",17.0\r\n3,"x, y, z",244.0\r\n'
  )
  return folder


def test_commas(tmp_path):
  raw = finding.locate("book_crossing/commas", _commas(tmp_path / "raw"), {})[
    1
  ]()
  assert raw.interactions.rows() == [
    (1, "0002005018", 5.0),
    (1, "034545104X", None),
    (2, "078946697X", 8.0),
  ]
  assert raw.items.rows() == [
    ("0002005018", 'Proof, "A"', "X. Y.", 2001),
    ("034545104X", "Flesh &amp; Blood", "A. B.", None),
    ("078946697X", "X-Men (Level 4)", "Michael Teitelbaum", 2000),
    ("0771074670", "Odd", "C. D.", None),
  ]
  assert raw.users.rows() == [
    (1, None, "nyc, new york, usa"),
    (2, 17, "porto, portugal"),
    (3, None, "x, y, z"),
  ]
  assert raw.noted["items"] == {
    "year is not from 1400 to 2005": 1,
    "author separated from the title": 1,
    "Year-Of-Publication is not a number": 1,
  }
  assert raw.noted["interactions"] == {
    "ISBN corrected: capitals, blanks, leading zeros": 1,
    "rating 0, which means no rating": 1,
  }
  (bad,) = raw.bad["interactions"]
  assert (bad.reason, bad.first) == (
    "User-ID is not a number",
    "Ratings.csv:5",
  )
