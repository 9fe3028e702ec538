"""The report, from results that are there."""

import json

from instructrec_jax.reproduce import page, plan
from instructrec_jax.reproduce.work import Made
from tests.reproduce.small import BEST, reproduce


def test_a_report_reads_what_is_there(small_data, tmp_path, calls):
  reproduce(small_data, tmp_path)
  done = json.loads((tmp_path / "rows/sequential/t5/done.json").read_text())
  part = plan.Part("sequential", "t5", "small", None)
  [section] = page.sections([Made(part, done["folder"], wording=BEST)])
  assert section.group.baseline is None  # Nothing else is there.
  assert not any("query" in note for note in section.notes)
  assert f"wording {BEST}" in " ".join(section.notes)
  searched = page.Section("product_search", section.group, {})
  assert any("query was written" in note for note in searched.notes)
