"""What a message says is so: cases in which one said more than the rule had checked."""

from __future__ import annotations

import pytest

import rules


@pytest.mark.parametrize(
    ("label", "code", "message"),
    [
        (r"( \sqrt { b ) }", "SYN039", ") closes a bracket that was opened outside this group"),
        (r"\begin{matrix} & & & & \end{matrix}", "SYN010", "5 empty cells in a row"),
        (r"\begin{matrix} a & & & & & & b \end{matrix}", "SYN010", "5 empty cells in a row"),
        (r"\begin{matrix} a & b \\ c \\[2pt] \end{matrix}", "SYN041", "the rows have 2, 1 cells"),
        (r"\begin{gathered} a & b \end{gathered}", "SYN009", "this cell is one too many: there is only 1 column"),
        (r"x ^ 2 '", "SYN006", "a second superscript on one symbol"),
        (
            r"x' ^ 2",
            "SYN006",
            "a second superscript on one symbol (a space between primes, or between a prime and ^, ends the first)",
        ),
        ("x^^e9", "SYN029", "'^^e9' is TeX's notation for the character with the hexadecimal code e9"),
        ("a % b\nc", "DLM003", "LaTeX drops the rest of the line after %, which starts a comment"),
        (r"\d u", "CMD020", r"\d is an accent of text, not a symbol"),
        (r"\o u", "CMD020", r"\o is a letter of text, not a symbol"),
        (r"\mbox{\bf if}", "CMD005", r"\bf is obsolete: use \textbf{…}"),
        (r"a \dots \cup b", "CAN010", r"\dots depends on the next token; here it looks like \cdots"),
        (r"a \dots \neq b", "CAN010", r"\dots depends on the next token; here it looks like \ldots"),
        ("% x", "CAN100", "no visual key: there is nothing to draw"),
        ("3 0 ^ O", "SEM015", "the letter O instead of the degree sign"),
        ("[object Object]", "NRM001", "JavaScript printed [object Object] in place of a part of the label"),
        ("~", "NRM003", "the label draws nothing"),
        (
            r"\fbox{\begin{array}{c} a & b \end{array}}",
            "SYN021",
            r"\begin{array} isn't allowed in text without $…$ around it",
        ),
        (
            r"\begin{matrix} { a \end{matrix} }",
            "SYN001",
            "this brace is closed outside the environment or the delimiters that it is in",
        ),
    ],
)
def test_message(label: str, code: str, message: str) -> None:
    found = rules.check(label, include=[code])
    assert found.filter(found["rule"] == code)["message"].to_list()[:1] == [message]
