"""What a stage that is done says."""

from instructrec_jax.cli.shared import printing


def test_counts_stand_one_a_line_after_their_groups(capsys):
  printing.print_manifest(
    {
      "stage": "build", "options": {"dataset": "games"}, "reused": False,
      "counts": {"users": 12345, "items": {"read": 2, "note": "x"}, "l": [1]},
    }
  )  # fmt: skip
  said = capsys.readouterr().out.splitlines()
  assert said[0] == "build games: done"
  assert [line.split() for line in said[1:]] == [
    ["users", "12,345"], ["items", "/", "read", "2"],
    ["items", "/", "note", "x"], ["l", "[1]"],
  ]  # fmt: skip
  assert len({line.index("12,345") + 6 for line in said[1:2]}) == 1
