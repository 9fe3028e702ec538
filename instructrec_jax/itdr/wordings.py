"""The descriptions and wordings of ITDR's subtasks, in our own words.

A description explains the subtask; a wording asks the question. Both use the
words of the pair's domain: {thing}, {things}, {person}, {had}, {have}, {low},
{high}, {newest_last} (empty if the order is unknown), and {fields}, the
attributes to predict. A clause in [brackets] is kept only for pairs that have
its slot. Each record fills the slots:
  {history}     a list of the user's items or liked items, newest last
  {beside}      a second list: the items of the other domain, the disliked
                items, or the reviews of the item
  {candidates}  a numbered list of titles to choose from
  {item}        the title in question, or all facts of an item
  {source}      the domain of {beside}
  {market}      the domain of {history} and {candidates}
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import gin

from instructrec_jax.instructions.templates import slots
from instructrec_jax.itdr.pairs import Pair, label

# The lists whose oldest entries are dropped if an input is too long.
LISTS = ("history", "beside")
_ALWAYS: Mapping[str, tuple[str, ...]] = {
  "rating_prediction": ("history", "item"),
  "top_k": ("history", "candidates"),
  "cross_domain": ("history", "beside", "source", "market", "candidates"),
  "next_item": ("history", "candidates"),
  "user_attributes": ("history",),
  "interests": ("history",),
  "target_users": ("item",),
}
_CLAUSE = re.compile(r"\[([^\]]*)\]")


class Wordings(NamedTuple):
  """The texts of a subtask.

  Attributes:
    description: explains the subtask.
    asked: the wordings of its question.
  """

  description: str
  asked: tuple[str, ...]


SUBTASKS: Mapping[str, Wordings] = {
  "rating_prediction": Wordings(
    "Predict a rating. From the ratings that a {person} has given to {things}, "
    "work out which rating, from {low} to {high}, the same {person} gives to "
    "another {thing}.",
    (
      "Ratings given so far, each after its title: {history}. Which rating "
      "from {low} to {high} will {item} get?",
      "A {person} rated these {things} between {low} and {high}: {history}. "
      "Give the number that the next one receives: {item}.",
      "This {person}'s scores read: {history}. Score {item} as they would, "
      "with a number from {low} to {high} and nothing else.",
    ),
  ),
  "top_k": Wordings(
    "Rank candidates. Given the {things} that a {person} has {had}, put a list "
    "of other {things} in order, from the one that suits this {person} best to "
    "the one that suits least.",
    (
      "The {person} has {had}{newest_last}: {history}. Order these candidates "
      "by how much they suit: {candidates}. Answer with a numbered list of all "
      "of them.",
      "Known of this {person}{newest_last}: {history}. Candidates: "
      "{candidates}. Which would they rather {have}, which rather not? Number "
      "the titles from the best to the worst.",
      "Sort the following {things} for someone who has {had} {history}. The "
      "{things} are {candidates}. Begin with what you would recommend first.",
    ),
  ),
  "cross_domain": Wordings(
    "Recommend across domains. What a {person} has {had} in one domain, and "
    "the little that is known in another, decide on the order of candidates of "
    "the other domain.",
    (
      "In {source} this {person} has {had}: {beside}. In {market}: {history}. "
      "Rank these candidates of {market}: {candidates}. Answer with a numbered "
      "list of all of them.",
      "Domain {source}, newest last: {beside}. Domain {market}: {history}. "
      "Put the following {things} of {market} in order, "
      "the best recommendation first: {candidates}.",
      "Someone's {things} from {source} are {beside}, and from {market} they "
      "are {history}. Number these titles by how likely each is to be next in "
      "{market}: {candidates}.",
    ),
  ),
  "next_item": Wordings(
    "Predict the next {thing}. From the order in which a {person} has {had} "
    "{things}, choose which of the candidates comes next.",
    (
      "In order of time this {person} has {had}: {history}. Which of these "
      "comes next: {candidates}? Answer with its title.",
      "Sequence of {things}, the newest last: {history}. One of the following "
      "continues it: {candidates}. Name that one.",
      "After {history}, what will this {person} {have}? Choose a single title "
      "from {candidates}.",
    ),
  ),
  "user_attributes": Wordings(
    "Tell who the {person} is. From the {things} that somebody likes, conclude "
    "these attributes of the person: {fields}.",
    (
      "This {person} likes: {history}. State the following of them: {fields}.",
      "Favourites of one {person}: {history}. What are the {fields} of this "
      "person? Write each name with its value.",
      "Somebody's favourite {things} are {history}. Fill in the profile with "
      "{fields}.",
    ),
  ),
  "interests": Wordings(
    "Describe a {person}'s interests. From the {things} that somebody likes or "
    "dislikes, and from what they say of them, sum up in a few sentences what "
    "this {person} is interested in.",
    (
      "Liked: {history}. [Disliked: {beside}.] What is this {person} "
      "interested in?",
      "A {person} speaks well of these {things}: {history}. [They were not "
      "content with {beside}.] Summarise the interests behind it.",
      "Write a short profile of the taste of a {person} who likes {history}. "
      "[They do not like {beside}.]",
    ),
  ),
  "target_users": Wordings(
    "Find who something is for. From what is known of one {thing}, say "
    "which groups of {person}s it suits, and why.",
    (
      "{item} [What people say of it: {beside}.] For whom is this {thing}?",
      "Which groups of {person}s would this {thing} suit? {item} [Reviews: "
      "{beside}.]",
      "Describe the people who should {have} the following {thing}. {item} "
      "[Opinions on it: {beside}.]",
    ),
  ),
}


@gin.configurable(module="instructrec_jax")
def task_description(shown: bool = True) -> bool:
  """Returns whether inputs begin with the task's description.

  Args:
    shown: False leaves descriptions out, as in the paper's ablation.
  """
  return shown


def slots_of(pair: Pair) -> tuple[str, ...]:
  """Returns the slots of a pair's records."""
  more = {
    "interests": pair.domain.scale is not None,
    "target_users": "review" in pair.fields,
  }
  beside = ("beside",) * more.get(pair.subtask, False)
  return (*_ALWAYS[pair.subtask], *beside)


def description(pair: Pair) -> str:
  """Returns the description of the pair's subtask in its domain's words."""
  return _in_words(SUBTASKS[pair.subtask].description, pair)


def asked(pair: Pair) -> tuple[str, ...]:
  """Returns the wordings of the pair's subtask in its domain's words."""
  return tuple(_in_words(text, pair) for text in SUBTASKS[pair.subtask].asked)


def _in_words(text: str, pair: Pair) -> str:
  there = slots_of(pair)

  def clause(match: re.Match) -> str:
    return match[1] if {*slots(match[1])} <= {*there} else ""

  words = pair.domain.words() | {
    "fields": _enumerated([label(name) for name in pair.fields])
  }
  kept = {name: "{" + name + "}" for name in there}
  text = _CLAUSE.sub(clause, text).format_map(words | kept)
  return " ".join(text.split())


def _enumerated(names: list[str]) -> str:
  *first, last = names or [""]
  return " and ".join(filter(None, [", ".join(first), last]))
