"""ITDR's texts by a server: estimated, asked for once, and put into records."""

import json

from instructrec_jax import cli
from instructrec_jax.itdr import build
from instructrec_jax.itdr.pairs import PAIRS
from tests import made_up_itdr
from tests.teacher.asked.chat_server import KEY, ChatServer

_PAIR = PAIRS["target_users_yelp"]


def _write(content, output):
  """Answers every third request as no text may be."""
  assert output == "target_users"
  if len(content) % 3 == 0:
    return "I am sorry, but I cannot help with that."
  return (
    "This place suits people who like a calm evening out with friends, and "
    f"families who care for good food at a fair price, {len(content)} of them."
  )


def test_a_server_writes_texts_once(tmp_path, quick, capfd):
  made_up_itdr.write_one(tmp_path, "yelp", users=120, items=80)
  with ChatServer(write=_write) as server:
    run = [
      "itdr", "target_users_yelp", f"--data_dir={tmp_path}", "--size=30",
      "--teacher=api", "--model=toy", f"--base_url={server.url}",
    ]  # fmt: skip
    assert cli.main([*run, "--estimate"]) == 0
    assert "no request was sent" in capfd.readouterr().out
    assert not server.requests
    assert cli.main(run) == 0
    said = capfd.readouterr()
    paid = sum(server.answered.values())
    assert paid >= 30
    # Whoever has no good text has somebody else in their place.
    folder = build.folder_of(tmp_path, _PAIR)
    manifest = json.loads((folder / "manifest.json").read_text())
    counts = manifest["counts"]
    assert sum(counts["records"].values()) == 30
    [of] = counts["of"].values()
    left_out = sum((of["absent"] | of["rejected"]).values())
    assert of["asked"] == 30 + left_out > 30
    assert KEY not in json.dumps(manifest) + said.out + said.err
    # The same again pays for nothing.
    folder.rmtree()
    assert cli.main(run) == 0
    assert sum(server.answered.values()) == paid
