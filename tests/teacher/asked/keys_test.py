"""A key is sent to its server, and shown nowhere."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import keys

KEY = "sk-Test0123456789abcdef"


@pytest.mark.parametrize(
  "url",
  [
    "localhost:8000", "http://", "ftp://h/v1", "http://me:secret@h/v1",
    "https://h/v1?key=secret", "https://h/v1#secret", "https://h:99999/v1",
    "https://h:0/v1", "https://h:port/v1", "https://[::1/v1", "http://h\x07/v1",
  ],
)  # fmt: skip
def test_addresses_that_cannot_be_used(url):
  with pytest.raises(InputError, match="--base_url") as error:
    keys.check_address(url, sends_key=False, allow_http=False)
  assert "secret" not in str(error.value)


@pytest.mark.parametrize(
  ("host", "here"),
  [
    ("localhost", True), ("127.0.0.1", True), ("127.8.0.1", True),
    ("[::1]", True), ("me.localhost", True), ("192.0.2.2", False),
    ("10.0.0.1", False), ("example.org", False), ("localhost.org", False),
    ("127.0.0.1.example.org", False),
  ],
)  # fmt: skip
def test_a_key_is_not_sent_over_http_to_other_machines(host, here):
  def check(scheme="http", sends_key=True, allow_http=False):
    return keys.check_address(f"{scheme}://{host}/v1/", sends_key, allow_http)

  if here:
    assert check() == f"http://{host}/v1"
  else:
    with pytest.raises(InputError, match=r"nothing was sent.*--allow_http"):
      check()
  assert check("https") == f"https://{host}/v1"
  assert check(sends_key=False) == f"http://{host}/v1"
  assert check(allow_http=True) == f"http://{host}/v1"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "my_key", "_K2", None])
def test_a_variable_has_a_name(name):
  keys.check_name(name)


@pytest.mark.parametrize(
  "name", [KEY, "", "2A", "A B", "A=B", "$A", "Ä", "A\n"]
)
def test_what_is_no_name_is_not_shown(name):
  with pytest.raises(InputError, match="expected the name") as error:
    keys.check_name(name)
  assert "0123456789" not in str(error.value)


def test_a_key_that_could_be_a_name_is_not_shown_either():
  with pytest.raises(InputError) as error:
    keys.read("gsk_0123456789abcdef", "https://h/v1")
  assert "0123456789" not in str(error.value)
  with pytest.raises(InputError, match="no UNSET_KEY"):
    keys.read("UNSET_KEY", "https://h/v1")


@pytest.mark.parametrize(
  "said",
  [
    f"bad key {KEY}!",
    f"bad key {KEY.upper()}!",
    f"bad {KEY.lower()}",
    " ".join(KEY),
    "\n".join([KEY[:12], KEY[12:]]),
    "-".join(KEY),
    f"it begins with {KEY[:12]} and ends with {KEY[11:]}",
    f"\x1b[31m{KEY[:7]}\x1b[0m{KEY[7:]}",
  ],
)
def test_a_key_in_a_server_s_words_is_masked(said):
  shown = keys.masked(said, KEY)
  assert "***" in shown
  letters = "".join(c for c in shown.lower() if c.isalnum())
  assert "0123456789" not in letters
  assert "abcdef" not in letters
  assert shown.isprintable()


def test_other_words_of_a_server_stay():
  said = "The model 'gpt-0123' is not known; try gpt-4o-mini."
  assert keys.masked(said, KEY) == said
  assert keys.masked(said, None) == said


def test_a_key_in_an_address_is_masked():
  assert keys.shown(f"https://h/{KEY}/v1", None) == "https://h/***/v1"
  assert keys.shown("https://h/abcdefghij/v1", "abcdefghij") == (
    "https://h/***/v1"
  )
  url = "https://api.openai.com/v1/chat/completions"
  assert keys.shown(url, KEY) == url
