"""The names of columns and JSON keys: which holds the label, the image, the id. Reads nothing, knows no format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curate.base.errors import UserError

#: Names by what a column holds (its role), in the order in which they are tried.
Tried = Mapping[str, tuple[str, ...]]

#: Names that can only mean LaTeX come before those that other text may have too.
LABEL_COLUMNS = (
    *("label", "latex", "tex", "formula", "latex_formula", "latex_code", "latex_label", "formula_latex", "equation"),
    *("normalizedLabel", "gt", "ground_truth", "rec_gt", "transcription", "text", "caption"),
    *("target", "answer", "response", "output"),
)
IMAGE_COLUMNS = (
    *("image", "file_name", "filename", "image_path", "img_path", "image_file", "img_file", "image_name", "img_name"),
    *("imgname", "image_filename", "picture", "images"),
    *("filepath", "file_path", "file", "path", "name", "img", "image_id", "img_id", "id"),
)
#: The first few, for messages.
LABELS_TRIED = f"{', '.join(LABEL_COLUMNS[:4])} or another of the label's names in docs/data-formats.md"
#: Names that don't imply images by themselves: taken as the image only if their values look like image files.
DOUBTFUL_IMAGES = ("filepath", "file_path", "file", "path", "name", "id")
#: Ids of images, which may be file names without the ending; not an image if no such file exists.
IMAGE_IDS = ("image_id", "img_id")
ID_COLUMNS = ("sample_id", "id", "name")

#: What is tried in every file with named columns. The keys are the roles that `--columns` may map.
TRIED: Tried = {"label": LABEL_COLUMNS, "image": IMAGE_COLUMNS, "id": ID_COLUMNS, "split": ("split",)}


@dataclass(frozen=True)
class Columns:
    """Which columns are what: those named with `--columns`, by role, else the first of those tried."""

    given: Mapping[str, str] = field(default_factory=dict)
    tried: Tried = field(default_factory=lambda: TRIED)

    def names(self, role: str) -> tuple[str, ...]:
        """The names tried for a role."""
        return self.tried.get(role, ())

    def label(self, names: Sequence[str]) -> str | None:
        """The label column: the one the user named, existing or not, else the first existing one of those tried."""
        return self.given.get("label") or find_column(names, self.names("label"))


def parse_roles(text: str, roles: Sequence[str], *, given: str, kind: str, example: str) -> dict[str, str]:
    """`label:tex,image:name` as {role: name}. given, kind, example: the whole option, COLUMN or KEY, for messages.

    Raises UserError for an unknown role, an empty name or a repeated role.
    """
    found: dict[str, str] = {}
    for pair in text.split(","):
        role, _, name = (part.strip() for part in pair.partition(":"))
        if not name or role not in roles:
            raise UserError(
                f"--columns {given}: {pair!r} is not ROLE:{kind} with ROLE one of {', '.join(roles)}; "
                f"example: --columns {example}"
            )
        if role in found:
            raise UserError(f"--columns {given}: {role} is given twice")
        found[role] = name
    return found


def find_column(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted columns that exists; another case counts if the exact spelling is absent."""
    lower = {name.lower(): name for name in reversed(names)}
    for name in wanted:
        if name in names:
            return name
        if name.lower() in lower:
            return lower[name.lower()]
    return None
