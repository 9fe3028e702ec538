"""A row of the paper's tables, from its plan to its report."""

import re

from instructrec_jax.instructions.asked_wording import names_of
from instructrec_jax.reproduce import systems
from tests.reproduce.small import BEST, reproduce


def test_a_row_is_made_once(small_data, tmp_path, calls, capsys):
  told = reproduce(small_data, tmp_path)
  # The mixture that hides the items of search was trained on, once.
  [(_, gin_file, bindings)] = [c for c in calls if c[0] == "train"]
  assert gin_file == systems.TINY
  assert "MIXTURE_OR_TASK_NAME = 'instructrec_small_all_rows'" in bindings
  asked = [c[2] for c in calls if c[0] == "ask"]
  on_validation = [a for a in asked if a["split"] == "validation"]
  assert [a["template"] for a in on_validation] == names_of("p1_i0_t3")
  assert {a["num_requests"] for a in on_validation} == {20}
  # Test was asked once, in the wording that is best on validation.
  [on_test] = [a for a in asked if a["split"] == "test"]
  assert on_test["template"] == BEST
  for line in ("Sequential recommendation <P1,I0,T3>", "paper: SASRec"):
    assert line in told
  assert re.search(r"paper: InstructRec +0\.6947 0\.8793 0\.9429", told)
  assert "p of HR@1 against popularity: t5 1.0000." in told
  assert f"wording {BEST}" in (tmp_path / "report.md").read_text()
  csv = (tmp_path / "report.csv").read_text()
  assert csv.startswith("row,dataset,n,system,hr@1")
  assert "<h2>Sequential" in (tmp_path / "report.html").read_text()

  before = len(calls)
  assert (
    reproduce(small_data, tmp_path).splitlines()[:-1]
    == (told.splitlines()[:-1])
  )
  assert len(calls) == before
  assert "parts were there already" in capsys.readouterr().err
