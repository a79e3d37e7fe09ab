"""The limits behind a source's verdict, each with its reason. The verdict itself is in `verdict`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from curate.base.settings import Between, Share


@dataclass(frozen=True)
class Thresholds:
    """Shares of a source's samples (0 to 1) above which a verdict gets worse, each with its reason.

    `…_fix`, `…_doubtful` and `…_unfit` name the verdict that applies if the share is above the limit.
    """

    #: Errors that only a person or dropping removes. In one public copy of the CROHME 2023 test labels 609 of 2,300
    #: have unbalanced braces, and 203 more are balanced but wrong: one invisible error for three visible ones. At that
    #: ratio, dropping 1 % leaves one label in 300 silently wrong, dropping 5 % one in 57, and dropping 20 % one in 12.
    broken_fix: Share = 0.01
    broken_doubtful: Share = 0.05
    broken_unfit: Share = 0.20
    #: Errors that a fix repairs, safe or unsafe. Below this, dropping them costs less than thinking about it.
    fixable_fix: Share = 0.01
    #: Labels with layout tokens, and errors that need an unsafe fix: it rewrites labels on a guess. Up to 1 in 5, it
    #: corrects a data set; beyond 1 in 2, it makes a new one, which needs an audit of its own.
    unsafe_doubtful: Share = 0.20
    unsafe_unfit: Share = 0.50
    #: Warnings that neither a safe fix nor `curate export` mends. They may be false alarms, so they never make a source
    #: unfit.
    warning_fix: Share = 0.30
    warning_doubtful: Share = 0.60
    #: Rows that could not be read. They are gone and do no harm, but if files are joined by line or by name, a gap is
    #: the usual sign of shifted pairs. Beyond half, it is the wrong format or the wrong file.
    unreadable_fix: Share = 0.01
    unreadable_doubtful: Share = 0.10
    unreadable_unfit: Share = 0.50
    #: Samples whose image is missing or can't be opened: as above, of those that should have one.
    missing_fix: Share = 0.01
    missing_doubtful: Share = 0.10
    missing_unfit: Share = 0.50
    #: Images that `curate export` repairs, some with a flag: pages that are mostly paper, light ink on dark paper, and
    #: what training code often reads wrongly.
    images_fix: Share = 0.05
    #: Labels without a visual key and without an error: texsieve can't tell what they look like, so duplicates, leaks
    #: and fixes can't be checked for them. Doubtful at worst: they may well be right.
    unkeyed_note: Share = 0.02
    unkeyed_doubtful: Share = 0.20
    #: Repeated labels. Real sets hold up to half (48.7 % of MathWriting's validation set, different hands wrote them):
    #: worth mentioning from a tenth on, worth limiting only far beyond that.
    duplicate_note: Share = 0.10
    duplicate_fix: Share = 0.60
    #: Samples of a split whose label (10 tokens or more) also occurs in the training split or in another source. Only a
    #: note: it spoils the test, not the training.
    overlap_note: Share = 0.01
    #: Numbers, not shares. With fewer samples than this a source can't be fine-tuned on alone; longer labels are cut
    #: off in training or fill the memory.
    small: Annotated[int, Between(0)] = 1000
    long_tokens: Annotated[int, Between(0)] = 1024
