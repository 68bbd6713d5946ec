"""The nearest bookable times around a wish: what is asked for, and which of the offered times come first."""

from calcom.alternatives.asking import Question, Selector, Unclear, question_of
from calcom.alternatives.offered import Offered, offered_in
from calcom.alternatives.ranking import Alternative, Strategy, is_free, rank
from calcom.alternatives.wish import Wish, wish_of

__all__ = [
    "Alternative",
    "Offered",
    "Question",
    "Selector",
    "Strategy",
    "Unclear",
    "Wish",
    "is_free",
    "offered_in",
    "question_of",
    "rank",
    "wish_of",
]
