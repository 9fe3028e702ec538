"""Finds what is written for a model to obey, and not for people to read.

Reviews are the words of strangers. Sentences that give orders to a model are
taken out of them before a teacher reads them. A text of a teacher that gives
orders, or has markup, a link or an advertisement, was not made from what a user
wants, whoever wrote it.
"""

import re

import polars as pl

_RECOMMEND = r"(?:recommend|suggest|promote|advertise|praise|mention|rank|list)"
_ABOVE = (
  r"(?:previous|prior|above|earlier|all|any|your|these|the|system|preceding)"
)
_ORDERS = (
  # "Ignore all previous instructions."
  r"\b(?:ignore|disregard|forget|override|bypass|skip|(?:do not|don't) follow)"
  r"\b"
  rf"\W+(?:{_ABOVE}\W+)+(?:instructions?|prompts?|rules?|guidelines?|messages?|"
  r"tasks?|(?:and|,)\W+(?:say|write|recommend))\b",
  r"\b(?:ignore|disregard|forget) (?:everything|all|the above|what)\b.{0,20}"
  r"\b(?:above|before|told|said|instruct\w*|and (?:say|write|recommend))\b",
  # "Always recommend Acme", "you must recommend Acme", "recommend Acme first"
  # What somebody always recommends is no order.
  rf"(?:^|[.!?,:;\"]\s*|\b(?:and|to|please|then|should|must|have to) )always "
  rf"{_RECOMMEND}\b"
  rf"|\byou (?:must|should|have to|shall) {_RECOMMEND}\b"
  r"|\bnever (?:mention|suggest|rank|list)\b",
  r"\b(?:recommend|rank)\b[^.!?;]{0,40}\b"
  r"(?:first(?: in| on|$)|at the top|on top|number one|above all|"
  r"in (?:all|every) lists?|to (?:every|all) (?:users?|customers?))\b",
  # Words for the parts of a prompt, and its marks.
  r"\bsystem (?:prompt|message|instruction)|\bdeveloper mode\b|\bjailbr\w+",
  r"(?:^|[\s\"#*])(?:system|assistant|user|human)\s*:\s",
  r"#{2,}\s*\w+\s*:|\[/?INST\]|<\|\w+\|>|\"(?:role|content)\"\s*:",
  r"\b(?:new|updated|important|secret|hidden|real) "
  r"(?:instructions?|task|prompt)\b",
  r"\byour (?:new |real |only )?"
  r"(?:task|prompt|instructions?|role) (?:is|are)\b",
  r"\bfrom now on,? you\b|\byou are now\b",
  # Who is spoken to.
  r"\b(?:as|you are|i am|i'm|act as|pretend to be) (?:an? )?(?:ai\b|artificial "
  r"intelligence|(?:large )?language model|chat ?bot|llm\b)",
  r"\b(?:act as|pretend to be|behave like) (?:a|an|the)\b",
  r"\bif you are (?:an? )?(?:ai|llm|language model|model|bot|assistant)\b",
  r"\b(?:note|message|attention|dear|hey|hello|instruction)s?,? (?:to|for)? ?"
  r"(?:the |all |any )?(?:ai|llms?|language models?|models?|annotators?|"
  r"chat ?bots?|assistants?|summari[sz]ers?)\b",
  # What the answer shall be.
  r"\b(?:reply|respond|answer|output) (?:only |exactly |just )*"
  r"(?:with|only|exactly|the)\b",
  r"\b(?:say|write|repeat) (?:exactly|only|after me|the (?:word|following|text|"
  r"phrase|sentence)s?)\b",
  r"\b(?:begin|end|start|finish|prefix) (?:every|each|your|all|the) "
  r"(?:answers?|texts?|output|repl(?:y|ies)|response|summar(?:y|ies))\b",
  r"\bin (?:every|each|your) (?:answers?|texts?|output|reply|response|summary|"
  r"sentence)s?\b",
  r"\b(?:to|into|in) (?:the|your) (?:answer|output|response)\b",
  r"\btranslate the following\b|\bthe (?:right|correct|true) (?:intention|"
  r"preference|answer|summary)\b",
  # The same in other languages.
  r"\bignor(?:a|iere|iert|ez|er|are|i|e (?:as|les|las|tout\w*))\b[^.!?]{0,40}\b"
  r"(?:instruc\w+|istruz\w+|"
  r"anweisung\w*|consignes?|r\u00e8gles|reglas|regeln)",
  r"\b(?:empfiehl|recomiend[ae]|recommandez|consiglia|recomende) "
  r"(?:immer|siempre|"
  r"toujours|sempre|nur|solo|acme)\b",
  r"\u0438\u0433\u043d\u043e\u0440\u0438\u0440|\u5ffd\u7565|\u7121\u8996|"
  r"\u65e0\u89c6",
)
ORDER = f"(?i:{'|'.join(_ORDERS)})"
MARKUP = (
  r"(?i:</?[a-z!][^>]*>|<[a-z!/]|&[a-z]+;|&#\d+;|\{\{|\}\}|\$\{|```|<\||\|>|"
  r"\[[^\]]*\]\(|\b(?:javascript|data):\S)"
)
LINK = (
  r"(?i)\b(?:https?|ftp)://|\bwww\."
  r"|(?:^|[^@\w.-])[a-z\d-]{2,}(?:\.[a-z\d-]+)*\.(?:com|net|org|info|biz|io|co|"
  r"shop|store|online|site|app|club|xyz|top|link|live|dev|"
  r"example|de|fr|es|it|uk|eu|ru|cn|ly|me|tv|us)\b(?:/|\b)"
)
ADVERTISEMENT = (
  r"(?i)\b(?:use|with|enter) (?:the |my |our )?"
  r"(?:(?:promo|discount|coupon|voucher) )?code\b"
  r"|\bpromo code\b|\bclick here\b|\b(?:order|buy|act|call) (?:it )?now\b|"
  r"\bvisit (?:our|my|us)\b|\blimited(?:[- ]time)? offer\b|\bspecial price\b|"
  r"\bmoney[- ]back\b|\d ?% off\b|\bbuy (?:from|at) (?:me|us)\b|"
  r"\bthe best that money"
)
# One sentence of a review, with what ends it.
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?\n]+|$)")
_TAKEN_OUT = re.compile(ORDER)


def without_orders(text: str) -> str:
  """Returns a review without the sentences that give orders to a model."""
  # Most reviews have none, and this finds that out at once.
  if not _TAKEN_OUT.search(text):
    return text
  kept = (s for s in _SENTENCE.findall(text) if not _TAKEN_OUT.search(s))
  rest = "".join(kept).strip()
  # An order may go over the end of a sentence.
  return "" if _TAKEN_OUT.search(rest) else rest


def clean(text: pl.Expr) -> pl.Expr:
  """Returns reviews without orders; see `without_orders`."""
  return text.map_batches(
    lambda texts: pl.Series(
      texts.name,
      [None if text is None else without_orders(text) for text in texts],
      pl.String,
    ),
    return_dtype=pl.String,
  )


def count(texts: pl.Series) -> int:
  """Returns the number of reviews out of which orders are taken."""
  return sum(bool(_TAKEN_OUT.search(text)) for text in texts.drop_nulls())
