"""MathWriting: handwriting as InkML."""

from __future__ import annotations

from curate.sources.inkml import InkFormat


class MathWriting(InkFormat):
    name = "mathwriting"
    shape = "InkML with a `normalizedLabel` or `label` annotation, or a JSON list of labels"
    page = """
`normalizedLabel` is the label if there is one, and the file is its own image, [drawn](project-file.md#strokes) from
the strokes. The other annotations become columns, and `splitTagOriginal` is the split if the folder isn't. A JSON
list doesn't say where it is from: the name of the file or its folder decides, or FORMAT does.
"""
    layouts = (("MathWriting", "InkML in `train`, `valid`, `test` …"),)
    example = (
        (
            "train/4f2a.inkml",
            """
<ink xmlns="http://www.w3.org/2003/InkML">
  <annotation type="label">x ^ {2}</annotation>
  <annotation type="normalizedLabel">x^{2}</annotation>
  <trace id="0">1 2, 3 4</trace>
</ink>
""".lstrip(),
        ),
        (
            "valid/9c01.inkml",
            """
<ink xmlns="http://www.w3.org/2003/InkML">
  <annotation type="label">a &lt; b</annotation>
  <trace id="0">1 2, 3 4</trace>
</ink>
""".lstrip(),
        ),
    )
    endings = (".inkml", ".json")
    truth = ("normalizedLabel", "label")
    licence = "cc-by-nc-sa-4.0"


FORMAT = MathWriting()
