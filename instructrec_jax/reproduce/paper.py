"""The figures of InstructRec's paper (arXiv 2305.07001), by our row.

They are of Amazon 2018 Video_Games, except for the row "transfer", which is
evaluated on CDs_and_Vinyl. All are of one relevant and nine other candidates,
except for "of_100".
"""

from collections.abc import Mapping

# The metrics of each tuple below.
METRICS = ("hr@1", "hr@3", "hr@5", "ndcg@3", "ndcg@5")

Figures = tuple[float, float, float, float, float]

PAPER: Mapping[str, Mapping[str, Figures]] = {
  "sequential": {
    "BERT4Rec": (0.5747, 0.8188, 0.9083, 0.7176, 0.7546),
    "SASRec": (0.6663, 0.8741, 0.9389, 0.7887, 0.8155),
    "GPT-3.5 (500 users)": (0.3640, 0.6300, 0.7300, 0.5216, 0.5623),
    "InstructRec": (0.6947, 0.8793, 0.9429, 0.8033, 0.8295),
  },
  "preference": {
    "TEM": (0.5005, 0.7368, 0.8462, 0.6383, 0.6833),
    "GPT-3.5 (500 users)": (0.2740, 0.5500, 0.7000, 0.4366, 0.4979),
    "InstructRec": (0.6959, 0.8806, 0.9452, 0.8045, 0.8312),
  },
  "vague_intention": {
    "TEM": (0.5723, 0.7860, 0.8712, 0.6974, 0.7325),
    "InstructRec": (0.8278, 0.9444, 0.9741, 0.8971, 0.9094),
  },
  "specific_intention": {
    "TEM": (0.8665, 0.9149, 0.9293, 0.8954, 0.9013),
    "InstructRec": (0.9269, 0.9868, 0.9951, 0.9631, 0.9665),
  },
  "product_search": {
    "DSSM": (0.7279, 0.9484, 0.9899, 0.8587, 0.8760),
    "InstructRec": (0.8263, 0.9411, 0.9728, 0.8944, 0.9075),
  },
  "hard_negatives": {
    "SASRec": (0.0355, 0.3448, 0.5536, 0.2127, 0.2984),
    "InstructRec": (0.1841, 0.4823, 0.6648, 0.3558, 0.4307),
  },
  "of_100": {
    "TEM": (0.2794, 0.4484, 0.5284, 0.3777, 0.4106),
    "InstructRec": (0.3276, 0.7694, 0.8334, 0.5903, 0.6163),
  },
  "transfer": {
    "SASRec trained on CDs": (0.6713, 0.8754, 0.9428, 0.7915, 0.8194),
    "Flan-T5-XL untuned": (0.0927, 0.2886, 0.4814, 0.2035, 0.2823),
    "InstructRec (Games)": (0.2332, 0.4392, 0.6052, 0.3511, 0.4190),
  },
}
