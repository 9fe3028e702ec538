"""The table of sources of raw data, with one row per dataset."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from instructrec_jax import errors
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.sources import (
  amazon,
  amazon_books,
  anime,
  book_crossing,
  hetrec,
  lastfm,
  lc_rec,
  microlens,
  mind,
  mini_one_rec,
  movielens,
  pixelrec,
  recbole,
  s3_rec,
  steam,
  table,
  yelp,
)


@dataclasses.dataclass(frozen=True)
class Source:
  """A dataset that can be read, or a family of datasets.

  Attributes:
    dataset: the short name for folders and tasks; None for a format, for which
      the user names the dataset.
    reader: takes the files by role, and options, and returns raw tables.
    files: name or glob pattern of each file, by role. Of several patterns with
      " or " between them, the first that matches counts. `<role>_file` replaces
      a pattern; a role that ends in "?" is optional.
    homepage: where to get the files.
    licence: what may be done with them, in short.
    k_core: interactions that every user and item must have, by default.
    options: the reader's options with their help.
    spools: whether the reader also takes `scratch`, an empty folder for columns
      that may not fit in memory.
    in_parts: whether a file may be a folder of parts, see `formats.parts`.
    archives: names or globs of the archives that contain the files.
    categories: the categories of a family. Its name and files contain CATEGORY
      in place of one, its dataset <category> in lower case.
  """

  dataset: str | None
  reader: Callable[..., Raw]
  files: Mapping[str, str]
  homepage: str
  licence: str
  k_core: int = 5
  options: Mapping[str, str] = dataclasses.field(default_factory=dict)
  spools: bool = False
  in_parts: bool = False
  archives: Sequence[str] = ()
  categories: Sequence[str] = ()

  def patterns(self, role: str) -> list[str]:
    """Returns the names or globs that the file of a role may have."""
    return self.files[role].split(" or ")

  def of(self, category: str) -> "Source":
    """Returns the member of this family for one of its categories."""
    name = self.dataset or ""
    return dataclasses.replace(
      self,
      dataset=name.replace(CATEGORY.lower(), category.lower()),
      files={
        role: file.replace(CATEGORY, category)
        for role, file in self.files.items()
      },
    )


CATEGORY = "<Category>"
_AMAZON = "none stated; for research, to be cited"
_GROUPLENS = "non-commercial research; no redistribution without permission"
_LASTFM = "http://ocelma.net/MusicRecommendationDataset/"
_HETREC = "https://grouplens.org/datasets/hetrec-2011/"
_CSV_FILES = {"interactions": "ratings.csv", "items": "movies.csv"}

# To add a dataset, add a row and, if no reader here fits, a reader.
SOURCES: Mapping[str, Source] = {
  "movielens/100k": Source(
    dataset="ml_100k",
    reader=movielens.read_100k,
    files={
      "interactions": "u.data",
      "items": "u.item",
      "users": "u.user",
      "genres": "u.genre",
    },
    homepage="https://grouplens.org/datasets/movielens/100k/",
    licence=_GROUPLENS,
    archives=("ml-100k.zip",),
  ),
  "movielens/1m": Source(
    dataset="ml_1m",
    reader=movielens.read_1m,
    files={
      "interactions": "ratings.dat",
      "items": "movies.dat",
      "users": "users.dat",
    },
    homepage="https://grouplens.org/datasets/movielens/1m/",
    licence=_GROUPLENS,
    archives=("ml-1m.zip",),
  ),
  "movielens/latest-small": Source(
    dataset="ml_latest_small",
    reader=movielens.read_csv,
    files=_CSV_FILES,
    homepage="https://grouplens.org/datasets/movielens/latest/",
    licence="non-commercial; redistribution under the same terms",
    archives=("ml-latest-small.zip",),
  ),
  "movielens/32m": Source(
    dataset="ml_32m",
    reader=movielens.read_csv,
    files=_CSV_FILES,
    homepage="https://grouplens.org/datasets/movielens/32m/",
    licence="non-commercial; redistribution under the same terms",
    archives=("ml-32m.zip",),
  ),
  "book_crossing": Source(
    dataset="book_crossing",
    reader=book_crossing.read,
    # Kaggle has the same files in a folder.
    files={
      role: f"{file} or Book reviews/{file}"
      for role, file in (
        ("interactions", "BX-Book-Ratings.csv"),
        ("items", "BX-Books.csv"),
        ("users", "BX-Users.csv"),
      )
    },
    homepage="http://www2.informatik.uni-freiburg.de/~cziegler/BX/",
    licence="research, to be acknowledged",
    archives=("BX-CSV-Dump.zip",),
  ),
  "book_crossing/commas": Source(
    dataset="book_crossing_commas",
    reader=book_crossing.read_commas,
    files={
      "interactions": "Ratings.csv",
      "items": "Books.csv",
      "users": "Users.csv",
    },
    homepage="https://www.kaggle.com/datasets/arashnic/book-recommendation-dataset",
    licence="research, to be acknowledged; CC0 as Kaggle has it",
  ),
  "book_crossing/kaggle": Source(
    dataset="book_crossing_kaggle",
    reader=book_crossing.read_kaggle,
    files=dict.fromkeys(
      ("interactions", "items", "users"),
      "Preprocessed_data.csv or Books Data with Category Language and Summary/"
      "Preprocessed_data.csv",
    ),
    homepage="https://www.kaggle.com/datasets/ruchi798/bookcrossing-dataset",
    licence="research, to be acknowledged; CC0 as Kaggle has it",
  ),
  "anime_2023": Source(
    dataset="anime_2023",
    reader=anime.read,
    files={
      "interactions": "users-score-2023.csv",
      "items": "anime-dataset-2023.csv",
      "users": "users-details-2023.csv",
    },
    homepage="https://www.kaggle.com/datasets/dbdmobile/myanimelist-dataset",
    licence="ODbL, as Kaggle has it",
  ),
  "amazon_books_reviews": Source(
    dataset="amazon_books_reviews",
    reader=amazon_books.read,
    files={"interactions": "Books_rating.csv", "items": "books_data.csv"},
    homepage="https://www.kaggle.com/datasets/mohamedbakhet/amazon-books-reviews",
    licence="CC0, as Kaggle has it",
    spools=True,
  ),
  **{
    f"microlens/{size}": Source(
      dataset=f"microlens_{size}",
      reader=microlens.read,
      # The .csv has times; the .tsv has only the order.
      files={
        "interactions": (
          f"MicroLens-{size}_pairs.csv or MicroLens-{size}_pairs.tsv"
        ),
        "items": titles,
      },
      homepage="https://github.com/westlake-repl/MicroLens",
      licence="research; no redistribution of what was modified",
    )
    for size, titles in (
      ("100k", "MicroLens-100k_title_en.csv"),
      ("50k", "MicroLens-50k_titles.csv"),
    )
  },
  **{
    f"pixelrec/{size.lower()}": Source(
      dataset=f"pixelrec_{size.lower()}",
      reader=pixelrec.read,
      # Both files have the same name, in different folders.
      files={
        "interactions": (
          f"*nteraction*/{name}.csv or {name}_inter*.csv or {name}.csv"
        ),
        "items": (f"*nfo*/{name}.csv or {name}_item*.csv or *item*info*.csv"),
      },
      homepage="https://github.com/westlake-repl/PixelRec",
      licence="non-commercial research and education; no redistribution",
      spools=True,
    )
    for size, name in (
      ("50K", "Pixel50K"),
      ("200K", "Pixel200K"),
      ("1M", "Pixel1M"),
      ("8M", "Pixel8M"),
      ("full", "PixelRec"),
    )
  },
  "instructrec/games": Source(
    dataset="games",
    reader=recbole.read,
    files={"interactions": "Games-6k.test.inter", "items": "Games.item"},
    homepage="https://github.com/RUCAIBox/LLMRank",
    licence="none stated; Amazon Reviews 2018, for research, to be cited",
    # The files are 5-core, and were cut afterwards to the newest 50 of each
    # user. Because of the cut, another 5-core would remove 211 of the paper's
    # 50,546 users and 431 of its 16,859 items (2,492 interactions).
    k_core=1,
  ),
  "lastfm/1k": Source(
    dataset="lastfm_1k",
    reader=lastfm.read_1k,
    files={
      "interactions": "userid-timestamp-artid-artname-traid-traname.tsv",
      "users?": "userid-profile.tsv",
    },
    homepage=_LASTFM,
    licence="non-commercial",
    archives=("lastfm-dataset-1K.tar.gz",),
  ),
  "lastfm/360k": Source(
    dataset="lastfm_360k",
    reader=lastfm.read_360k,
    files={
      "interactions": "usersha1-artmbid-artname-plays.tsv",
      "users?": "usersha1-profile.tsv",
    },
    homepage=_LASTFM,
    licence="non-commercial",
    archives=("lastfm-dataset-360K.tar.gz",),
  ),
  "hetrec/lastfm": Source(
    dataset="hetrec_lastfm",
    reader=hetrec.read_lastfm,
    files={
      "interactions": "user_artists.dat",
      "items": "artists.dat",
      "tagged?": "user_taggedartists.dat",
      "tags?": "tags.dat",
    },
    homepage=_HETREC,
    licence="non-commercial research, to be acknowledged",
    archives=("hetrec2011-lastfm-2k.zip",),
  ),
  "hetrec/movielens": Source(
    dataset="hetrec_movielens",
    reader=hetrec.read_movielens,
    files={
      "interactions": "user_ratedmovies-timestamps.dat",
      "items": "movies.dat",
      "genres": "movie_genres.dat",
    },
    homepage=_HETREC,
    licence="non-commercial research, to be acknowledged",
    archives=("hetrec2011-movielens-2k*.zip",),
  ),
  "hetrec/delicious": Source(
    dataset="hetrec_delicious",
    reader=hetrec.read_delicious,
    files={
      "interactions": "user_taggedbookmarks-timestamps.dat",
      "items": "bookmarks.dat",
      "tags?": "tags.dat",
    },
    homepage=_HETREC,
    licence="non-commercial research, to be acknowledged",
    archives=("hetrec2011-delicious-2k.zip",),
  ),
  f"amazon_2014/{CATEGORY}": Source(
    dataset="<category>_2014",
    reader=amazon.read_2014,
    files={
      "interactions": (
        f"reviews_{CATEGORY}_5.json* or reviews_{CATEGORY}.json*"
      ),
      "items": f"meta_{CATEGORY}.json*",
    },
    homepage="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
    licence=_AMAZON,
    spools=True,
    categories=amazon.CATEGORIES_2014,
  ),
  f"amazon_2018/{CATEGORY}": Source(
    dataset="<category>_2018",
    reader=amazon.read_2018,
    files={
      "interactions": f"{CATEGORY}_5.json*",
      "items": f"meta_{CATEGORY}.json*",
    },
    homepage="https://nijianmo.github.io/amazon/",
    licence=_AMAZON,
    spools=True,
    categories=amazon.CATEGORIES_2018,
  ),
  f"amazon_2023/{CATEGORY}": Source(
    dataset="<category>_2023",
    reader=amazon.read_2023,
    # UCSD has them in one folder, Hugging Face in two.
    files={
      "interactions": (
        f"{CATEGORY}.jsonl* or review_categories/{CATEGORY}.jsonl*"
      ),
      "items": (
        f"meta_{CATEGORY}.jsonl* or meta_categories/meta_{CATEGORY}.jsonl*"
      ),
    },
    homepage="https://amazon-reviews-2023.github.io/",
    licence=_AMAZON,
    spools=True,
    categories=amazon.CATEGORIES_2023,
  ),
  **{
    f"mind/{size}": Source(
      dataset=f"mind_{size}",
      reader=mind.read,
      files={
        "interactions": f"MIND{size}_train/behaviors.tsv or behaviors.tsv",
        "items": f"MIND{size}_train/news.tsv or news.tsv",
        "dev_interactions?": f"MIND{size}_dev/behaviors.tsv",
        "dev_items?": f"MIND{size}_dev/news.tsv",
      },
      homepage="https://msnews.github.io/",
      licence="Microsoft Research License; no redistribution",
      archives=(f"MIND{size}_train.zip",),
    )
    for size in ("small", "large")
  },
  "steam": Source(
    dataset="steam",
    reader=steam.read,
    files={
      "interactions": "steam_reviews.json*",
      "items": "steam_games.json*",
    },
    homepage="https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
    licence="none stated; for research, to be cited",
    spools=True,
  ),
  "yelp": Source(
    dataset="yelp",
    reader=yelp.read,
    files={
      "interactions": "yelp_academic_dataset_review.json",
      "items": "yelp_academic_dataset_business.json",
    },
    homepage="https://business.yelp.com/data/resources/open-dataset/",
    licence="Yelp Dataset Terms of Use: academic; no redistribution",
    spools=True,
    archives=("yelp_dataset.tar", "yelp_dataset.tgz", "Yelp-JSON.zip"),
  ),
  "lc_rec": Source(
    dataset=None,
    reader=lc_rec.read,
    files={
      "interactions": "*.inter.json",
      "items": "*.item.json",
      "user_ids?": "*.user2id",
      "item_ids?": "*.item2id",
    },
    homepage="https://github.com/zhengbw0324/LC-Rec",
    licence="that of the dataset",
    # The files are 5-core. Without another one, all their users stay.
    k_core=1,
  ),
  "mini_one_rec": Source(
    dataset=None,
    reader=mini_one_rec.read,
    files={
      "interactions": "train/*.csv or *train*.csv",
      "valid?": "valid/*.csv or *valid*.csv",
      "test?": "test/*.csv or *test*.csv",
      "items?": "index/*.item.json or *.item.json",
    },
    homepage="https://github.com/AkaliKong/MiniOneRec",
    licence="that of the dataset",
    # As in lc_rec.
    k_core=1,
  ),
  "s3_rec": Source(
    dataset=None,
    reader=s3_rec.read,
    files={
      "interactions": "sequential_data.txt",
      "items": "items.tsv",
      "attributes?": "item_attributes.json or *item2attributes.json",
    },
    homepage="https://github.com/aHuiWang/CIKM2020-S3Rec",
    licence="that of the dataset",
    # As in lc_rec.
    k_core=1,
  ),
  "recbole": Source(
    dataset=None,
    reader=recbole.read,
    files={
      # Several files are a split, which is kept.
      "interactions": "*.train.inter or *.inter",
      "valid?": "*.valid.inter or *.val.inter",
      "test?": "*.test.inter",
      "items": "*.item",
      "users?": "*.user",
    },
    homepage="https://github.com/RUCAIBox/RecSysDatasets",
    licence="that of the dataset",
  ),
  "table": Source(
    dataset=None,
    reader=table.read,
    files={
      "interactions": "interactions.* or interactions",
      "items": "items.* or items",
      "users?": "users.* or users",
    },
    in_parts=True,
    homepage="your own files",
    licence="yours",
    options=table.OPTIONS,
  ),
}


def find(name: str) -> Source:
  """Returns the source called `name`.

  Raises:
    InputError: the source is unknown; similar names come first.
  """
  family, _, category = name.partition("/")
  row = SOURCES.get(f"{family}/{CATEGORY}")
  if row is not None:
    if category not in row.categories:
      raise errors.unknown(f"category of {family}", category, row.categories)
    return row.of(category)
  if name not in SOURCES:
    raise errors.unknown("source", name, SOURCES)
  return SOURCES[name]
