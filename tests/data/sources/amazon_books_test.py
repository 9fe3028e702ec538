import csv

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from tests.data.raw_files import read_tables

_REVIEWS = """\
Id,Title,Price,User_id,profileName,review/helpfulness,review/score,\
review/time,review/summary,review/text
1882931173,Its Only Art,,AVC,,7/7,4.0,940636800,Nice,"All ""it"" &quot;A&quot;,
and<br />more"
B0001,"Dr. Seuss, American Icon",25.0,AVC,Ann,0/0,5.0,940636801,,Good
B0002,"Dr. Seuss, American Icon",25.0,AVC,Ann,0/0,5.0,940636801,,Good
B0002,"Dr. Seuss, American Icon",25.0,,Ann,0/0,5.0,940636801,,Good
B0002,Its Only Art,25.0,A30,Bob,0/0,1.0,-1,Bad,Bad
B0003,,25.0,A30,Bob,0/0,1.0,5,Bad,Bad
B0004,Not listed,25.0,A30,Bob,0/0,1.0,5,Bad,Bad
B0002,Its Only Art,25.0,A30,Bob,0/0,2.0,1100000000,Fine,
"""
_BOOKS = """\
Title,description,authors,image,previewLink,publisher,publishedDate,infoLink,\
categories,ratingsCount
Its Only Art,,['Julie Strain'],http://x,http://y,,1996,http://z,\
['Comics & Graphic Novels'],
"Dr. Seuss, American Icon","Philip ""Nel"" takes
a look","['Philip Nel', ""Tim O'Brien""]",http://x,http://y,A&C,2005-01-01,\
http://z,"['Biography & Autobiography', 'Art']",3.0
,nothing,,,,,,,,
Third,,,,,,19??,,,
"""


@pytest.mark.parametrize("between", "/_")
def test_amazon_books(between, tmp_path):
  header, rows = _REVIEWS.split("\n", 1)
  for name in ("helpfulness", "score"):
    header = header.replace(f"review/{name}", f"review{between}{name}")
  (tmp_path / "Books_rating.csv").write_text(f"{header}\n{rows}")
  (tmp_path / "books_data.csv").write_text(_BOOKS)
  manifest = normalize.normalize(
    "amazon_books_reviews", tmp_path, tmp_path / "data", k_core=1
  )
  tables = read_tables(tmp_path / "data", "amazon_books_reviews")
  seuss = "Dr. Seuss, American Icon"
  assert tables["items"].drop("item").rows() == [
    (
      "Its Only Art",
      "Its Only Art",
      ["Comics & Graphic Novels"],
      "Julie Strain",
      None,
      1996,
    ),
    (
      seuss,
      seuss,
      ["Biography & Autobiography", "Art"],
      "Philip Nel, Tim O'Brien",
      'Philip "Nel" takes\na look',
      2005,
    ),
  ]
  assert tables["users"]["user_id"].to_list() == ["AVC", "A30"]
  assert tables["interactions"].rows() == [
    (0, 0, 4, 940_636_800_000_000, 'All "it" "A",\nand\nmore', "Nice"),
    (0, 1, 5, 940_636_801_000_000, "Good", None),
    (1, 0, 2, 1_100_000_000_000_000, None, "Fine"),
  ]
  counts = manifest["counts"]
  assert counts["interactions"] == {
    "read": 8,
    "dropped": {
      "User_id is missing": 1,
      "review/time is not a time": 1,
      "Title is missing": 1,
      "item not listed": 1,
      "exact repeat": 1,
    },
    "kept": 3,
    "noted": {"without review": 1, "without summary": 2},
  }
  assert counts["items"]["dropped"]["Title is missing"] == 1
  assert counts["first_bad"]["interactions: User_id is missing"] == (
    "Books_rating.csv:6"
  )
  assert not list((tmp_path / "data/tables/amazon_books").glob("scratch*"))


def test_real_amazon_books(real_data, tmp_path):
  folder = real_data / "amazon-books-reviews"
  read = finding.locate("amazon_books_reviews", folder, {})[1]
  raw = read(tmp_path / "scratch")
  with (folder / "Books_rating.csv").open(newline="", encoding="utf-8") as f:
    reviews = list(csv.DictReader(f))
  known = [row for row in reviews if row["User_id"]]
  assert (len(reviews), len(reviews) - len(known)) == (1_424, 313)
  # The copy breaks off in its last row.
  users = [row["User_id"] for row in known[:-1]]
  assert raw.interactions["user"].to_list() == users
  assert {bad.reason: bad.rows for bad in raw.bad["interactions"]} == {
    "User_id is missing": 313,
    "quotes that do not match up": 1,
  }
  with (folder / "books_data.csv").open(newline="", encoding="utf-8") as f:
    books = list(csv.DictReader(f))[:-1]
  assert sum(not row["Title"] for row in books) == 1
  books = [row for row in books if row["Title"]]
  assert raw.items["title"].to_list() == [row["Title"] for row in books]
  nobody = sum(not row["authors"] for row in books)
  assert raw.noted["items"]["without brand"] == nobody
