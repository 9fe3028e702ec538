"""Personal data is found and taken out."""

import polars as pl
import pytest

from instructrec_jax.teacher.checks import personal


@pytest.mark.parametrize(
  ("text", "kind"),
  [
    ("write to jo.do+x@mail.example.co.uk now", "e_mail"),
    ("call (555) 123-4567 now", "phone"),
    ("call +44 20 7946 0958 now", "phone"),
    ("sent to 221 Old Baker Street, in May", "address"),
    ("see https://example.org/profile/jo?x=1 now", "web_page"),
    ("follow @jo_does now", "profile_name"),
    ("Hi, my name is Jo Doe and I like it", "profile_name"),
    ("It broke. Regards, Jo", "profile_name"),
  ],
)
def test_personal_data_is_taken_out_and_counted(text, kind):
  texts = pl.Series([text, None, "part 123456789, 10 Great Ideas, 5/12/2014"])
  assert {k: n for k, n in personal.count(texts).items() if n} == {kind: 1}
  frame = pl.DataFrame({"text": texts})
  masked = frame.select(personal.mask(pl.col("text")))["text"]
  assert masked[1:].equals(texts[1:])
  assert personal.PATTERNS[kind][1] in masked[0]
  assert "jo" not in masked[0].lower().replace("[", "") or kind == "phone"
  assert frame.select(personal.present(pl.col("text")))["text"].to_list() == [
    True, None, False,
  ]  # fmt: skip
