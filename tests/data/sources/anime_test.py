import csv

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from tests.data.raw_files import read_tables

_ITEMS = """\
anime_id,Name,English name,Other name,Score,Genres,Synopsis,Type,Episodes,\
Aired,Premiered,Status,Producers,Licensors,Studios,Source,Duration,Rating,\
Rank,Popularity,Favorites,Scored By,Members,Image URL
1,Cowboy Bebop,Cowboy Bebop,カウボーイ,8.75,"Action, Sci-Fi","Crime is timeless.

""See you"" &amp; more.",TV,26.0,"Apr 3, 1998 to Apr 24, 1999",spring 1998,\
Finished Airing,Bandai,Funimation,Sunrise,Original,24 min per ep,R,41.0,43,\
78525,914193.0,1771505,http://x
7,"Kimi no Na wa, tte",UNKNOWN,x,UNKNOWN,UNKNOWN,\
No description available for this anime.,TV,UNKNOWN,Not available,UNKNOWN,\
Finished Airing,UNKNOWN,UNKNOWN,"Bones, Kinema Citrus",Manga,Unknown,PG,\
UNKNOWN,1,2,UNKNOWN,3,http://x
8,Broken,"Quote,x,1,Action,Text,TV,1,2001,a,b,c,d,e,f,g,h,i,j,k,l,m,n
9,Kaiju,"Monster ""Z"" again",x,1,Horror,Text,TV,1,"Jan, 2004 to ?",a,b,c,d,\
UNKNOWN,f,g,h,i,j,k,l,m,http://x
"""
_USERS = """\
Mal ID,Username,Gender,Birthday,Location,Joined,Days Watched,Mean Score
1,Xinil,Male,1985-03-04T00:00:00+00:00,California,2004-11-05T00:00:00+00:00,\
142.3,7.37
3,Aokaado,,,"Oslo, Norway",2004-11-11T00:00:00+00:00,68.6,7.34
4,Crystal,Female,1900-01-01T00:00:00+00:00,,2004-11-13T00:00:00+00:00,212.8,7
9,Arcane,Non-Binary,soon,,2004-12-05T00:00:00+00:00,30,7.71
x,Mad,,,,2005-01-03T00:00:00+00:00,52,7.54
"""
_SCORES = """\
user_id,Username,anime_id,Anime Title,rating
1,Xinil,7,"Kimi no Na wa, tte",9
1,Xinil,1,Cowboy Bebop,10
4,Crystal,9,Kaiju,7
4,Crystal,1,Cowboy Bebop,high
4,Crystal,8,Broken,3
4,Crystal,1,Cowboy Bebop,5
3,Aokaado,1
"""


def test_anime(tmp_path):
  for name, text in (
    ("users-score", _SCORES),
    ("anime-dataset", _ITEMS),
    ("users-details", _USERS),
  ):
    (tmp_path / f"{name}-2023.csv").write_text(text)
  manifest = normalize.normalize(
    "anime_2023", tmp_path, tmp_path / "data", k_core=1
  )
  tables = read_tables(tmp_path / "data", "anime_2023")
  assert tables["items"].drop("item").rows() == [
    (
      "1",
      "Cowboy Bebop",
      ["Action", "Sci-Fi"],
      "Sunrise",
      'Crime is timeless.\n"See you" & more.',
      1998,
    ),
    ("7", "Kimi no Na wa, tte", [], "Bones, Kinema Citrus", None, None),
    ("9", 'Monster "Z" again', ["Horror"], None, "Text", 2004),
  ]
  assert tables["users"].drop("user").rows() == [
    ("1", 1985, "male", "California"),
    ("4", None, "female", None),
  ]
  # There are no times, so the order is drawn.
  assert manifest["counts"]["order"]["by"] == "none"
  assert sorted(tables["interactions"].rows()) == [
    (0, 0, 10),
    (0, 1, 9),
    (1, 0, 5),
    (1, 2, 7),
  ]
  counts = manifest["counts"]
  assert counts["interactions"]["dropped"] == {
    "rating is not a number": 1,
    "not 5 fields": 1,
    "item not listed": 1,
  }
  assert counts["items"]["dropped"] == {"quotes that do not match up": 1}
  assert counts["first_bad"] == {
    "interactions: not 5 fields": "users-score-2023.csv:8",
    "interactions: rating is not a number": "users-score-2023.csv:5",
    "items: quotes that do not match up": "anime-dataset-2023.csv:6",
    "user_attributes: Mal ID is not a number": "users-details-2023.csv:6",
  }
  assert counts["user_attributes"]["noted"] == {
    "without gender": 1,
    "without location": 2,
    "Birthday is not a number, so unknown": 1,
    "birth_year is not from 1910 to 2020": 1,
  }


def test_real_anime(real_data, tmp_path):
  path = real_data / "anime-2023/anime-dataset-2023.csv"
  (tmp_path / "users-score-2023.csv").write_text(_SCORES)
  (tmp_path / "users-details-2023.csv").write_text(_USERS)
  raw = finding.locate("anime_2023", tmp_path, {"items_file": str(path)})[1]()
  with path.open(newline="", encoding="utf-8") as f:
    rows = list(csv.DictReader(f))
  # The copy breaks off in its last row.
  assert len(rows) == 1_822
  assert rows.pop()["Image URL"] is None
  assert raw.items.height == 1_821
  (bad,) = raw.bad["items"]
  assert (bad.reason, bad.rows) == (
    "quotes that do not match up",
    1,
  )
  english = [row["English name"] for row in rows]
  assert raw.items["title"].to_list() == [
    row["Name"] if name == "UNKNOWN" else name
    for row, name in zip(rows, english, strict=True)
  ]
  assert english.count("UNKNOWN") == 568
  assert raw.items["year"][0] == 1998
  assert raw.items["year"].null_count() < 10
