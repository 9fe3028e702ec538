"""Writers of small raw files, and a reader of what became of them."""

import json
from pathlib import Path

import polars as pl


def write_recbole(
  folder: Path, histories: dict[str, list[str]], titles: dict[str, str]
) -> Path:
  """Writes sequential RecBole files as LLMRank distributes them."""
  folder.mkdir(parents=True, exist_ok=True)
  lines = ["user_id:token\titem_id_list:token_seq\titem_id:token"]
  lines += [
    f"{user}\t{' '.join(items[:-1])}\t{items[-1]}"
    for user, items in histories.items()
  ]
  (folder / "Games-6k.test.inter").write_text("\n".join(lines) + "\n")
  lines = ["item_id:token\ttitle:token_seq"]
  lines += [f"{item}\t{title}" for item, title in titles.items()]
  (folder / "Games.item").write_text("\n".join(lines) + "\n")
  return folder


def small_world(
  num_users: int = 40, num_items: int = 60
) -> tuple[dict[str, list[str]], dict[str, str]]:
  """Histories of 3 to 14 distinct items, by a fixed rule."""
  histories = {
    f"u{u}": [f"i{(u * 7 + p * 11) % num_items}" for p in range(3 + u % 12)]
    for u in range(num_users)
  }
  return histories, {f"i{i}": f"Game {i}" for i in range(num_items)}


def read_tables(data_dir: Path, dataset: str) -> dict[str, pl.DataFrame]:
  folder = data_dir / "tables" / dataset
  return {
    name: pl.read_parquet(folder / f"{name}.parquet")
    for name in ("interactions", "items", "users")
  }


def write_log(folder: Path, rows: list[tuple], items: list[tuple]) -> Path:
  """Writes a person's own log: CSV with a header, times in seconds."""
  folder.mkdir(parents=True, exist_ok=True)
  (folder / "interactions.csv").write_text(
    "user_id,item_id,timestamp\n"
    + "".join(",".join(map(str, row)) + "\n" for row in rows)
  )
  (folder / "items.csv").write_text(
    "item_id,title\n" + "".join(f"{i},{json.dumps(t)}\n" for i, t in items)
  )
  return folder
