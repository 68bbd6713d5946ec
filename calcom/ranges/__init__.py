"""One fetch for many ranges: which types allow it, which windows to ask for, and how answers are cut out."""

from calcom.ranges.additive import Verdict, digest_of, is_additive
from calcom.ranges.agreeing import Agreement, compare
from calcom.ranges.looks import Look, Window, look_of
from calcom.ranges.slicing import NONE_LEFT, Days, join, retold, slice_answer, split

__all__ = [
    "NONE_LEFT",
    "Agreement",
    "Days",
    "Look",
    "Verdict",
    "Window",
    "compare",
    "digest_of",
    "is_additive",
    "join",
    "look_of",
    "retold",
    "slice_answer",
    "split",
]
