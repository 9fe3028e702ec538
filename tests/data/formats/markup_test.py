import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data.formats import markup


@pytest.mark.parametrize(
  ("text", "plain"),
  [
    ("I'd say &#34;yes&#34; &amp;amp; buy", 'I\'d say "yes" & buy'),
    ("One<br />two<BR>three", "One\ntwo\nthree"),
    ("One<br/><br/>  two \r\n\n three", "One\ntwo\nthree"),
    ("I <3 it, 2 < 3 and a<b", "I <3 it, 2 < 3 and a<b"),
    ("&lt;br /&gt;so <a href='x'>it</a> is", "so it is"),
    ("<ul><li>Red</li><li>Blue</li></ul>", "Red\nBlue"),
    ("[[VIDEOID:ab12]] See [1]", "See [1]"),
    ("<!-- a\nb -->x\u00a0 y", "x y"),
    ("Tom & Jerry", "Tom & Jerry"),
    ("Apple&microsoft, R&copy paste", "Apple&microsoft, R&copy paste"),
    ("&copy; &bogus; &notit; &#x41;&#66;", "© &bogus; &notit; AB"),
    ("if a<b and c>d, C++ <Primer>", "if a<b and c>d, C++ <Primer>"),
    ("a<script>var x = 1 < 2;</script>b<style>p{}</style>", "ab"),
    ('<td nowrap>x</td><img src="a.gif">y<o:p></o:p>', "xy"),
    ("a\x00b\x1bc\td", "a b c d"),
    ("  ", None),
    ("<br />", None),
    ("", None),
    (None, None),
  ],
)
def test_plain_text(text, plain):
  beside = ["kept", text, None]
  want = ["kept", plain, None]
  assert markup.plain(pl.Series(beside, dtype=pl.String)).to_list() == want


def test_on_one_line():
  texts = pl.Series(["a<br>b\n\nc", "d"])
  assert markup.one_line(texts).to_list() == ["a b c", "d"]


@settings(deadline=None)
@given(texts=st.lists(st.text("ab.,'é漢 \n<>&3/", max_size=20)))
def test_plain_text_stays_plain(texts):
  once = markup.plain(pl.Series(texts, dtype=pl.String))
  for text in once.drop_nulls():
    assert text == text.strip()
    assert text
    assert "  " not in text
    assert "\n\n" not in text
  untouched = [t for t in texts if t and not set(t) & set("\n<& ")]
  assert markup.plain(pl.Series(untouched, dtype=pl.String)).to_list() == (
    untouched
  )


@pytest.mark.parametrize(
  ("title", "read"),
  [
    (" Dune\n <b>Part</b>&nbsp;II ", "Dune Part II"),
    ("H<sub>2</sub>O<br/>Now", "H2O Now"),
    ("x<y", "x<y"),
    ("a\x00b", "a b"),
    (None, None),
  ],
)
def test_titles(title, read):
  found = markup.title(pl.Series([title, "Plain"], dtype=pl.String))
  assert found.to_list() == [read, "Plain"]


@pytest.mark.parametrize(
  ("title", "is_page"),
  [
    ('<span class="a-size-medium a-color-secondary"', True),
    ("var aPageStart = (new Date()).getTime();", True),
    ("function getTime() {}", True),
    ("A <div>title</div>", True),
    ("</span> cut", True),
    ("WidgetTime Pro", False),
    ("BudgetTimer", False),
    ("Gadget Time (2nd)", False),
    ("x<y", False),
    ("I <3 you", False),
    ("C++ <Primer>", False),
    ("a <b and c", False),
    ("Table <table for two", False),
  ],
)
def test_titles_that_are_pieces_of_a_page(title, is_page):
  assert pl.Series([title]).str.contains(markup.IS_PAGE).to_list() == [is_page]


@given(text=st.text("ab<>/= &;#\"'", max_size=30))
def test_only_known_elements_are_tags(text):
  elements = pl.Series([text]).str.contains("(?i)<[/!]?(?:a|b)\\b|&|  |^ | $")
  if not elements.item():
    assert markup.plain(pl.Series([text])).to_list() == [text or None]
