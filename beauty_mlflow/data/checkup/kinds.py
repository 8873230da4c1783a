"""What a check-up may find, in the order in which somebody should look at it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        name: In findings.csv.
        title: In words, for a heading.
        advice: What to do about it.
        detail: One finding in a sentence; ``value``, ``limit``, ``other``, ``other_class`` and ``other_part`` are
            filled in.
        serious: Whether figures or training suffer from it: what ``strict`` refuses.
        drops: Whether corrections.csv proposes to drop these pictures.
        by_largest: Whether the largest value is the worst.
    """

    name: str
    title: str
    advice: str
    detail: str
    serious: bool = False
    drops: bool = False
    by_largest: bool = False


BROKEN = Kind(
    "broken",
    "Files that can't be used",
    "Repair or remove them; a split leaves them out and lists them in its quarantine.",
    "{other}",
    serious=True,
)
CHANGED = Kind(
    "changed",
    "Pictures that were changed after the split was made",
    "Put the original files back, or split again with --extend and the manifest.",
    "its bytes aren't those that the manifest was made of",
    serious=True,
)
EXACT_OTHER_CLASS = Kind(
    "exact_other_class",
    "The same file in several classes",
    "At most one of the labels is right. Delete the line of the right one from corrections.csv, or where its reason "
    "says so write a class for drop.",
    "the same bytes as {other} in the class {other_class}",
    serious=True,
    drops=True,
)
NEAR_OTHER_CLASS = Kind(
    "near_other_class",
    "The same picture in several classes",
    "Saved again, resized or brightened: at most one label is right, or the classes overlap. "
    "Delete the line of the right one from corrections.csv, or where its reason says so write a class for drop; or "
    "merge the classes (beauty group).",
    "looks like {other} in the class {other_class}; their thumbnails differ by at most {value:.0f} of 255",
    serious=True,
    drops=True,
)
EXACT_OTHER_PART = Kind(
    "exact_other_part",
    "The same file in several parts",
    "Validation and test figures are too good. Split again with --duplicates together.",
    "the same bytes as {other} in the part {other_part}",
    serious=True,
)
NEAR_OTHER_PART = Kind(
    "near_other_part",
    "The same picture in several parts",
    "Validation and test figures are too good. Split again with --duplicates together.",
    "looks like {other} in the part {other_part}; their thumbnails differ by at most {value:.0f} of 255",
    serious=True,
)
PRODUCT_OTHER_PART = Kind(
    "product_other_part",
    "The same product in several parts",
    "The model is tested on products that it has seen. Split again with --group-by.",
    "shows the same product as {other} in the part {other_part}",
    serious=True,
)
BLANK = Kind(
    "blank",
    "Blank pictures",
    "There is nothing on them to learn from; corrections.csv proposes to drop them.",
    "its colours differ by {value:.0f} of 255 (limit {limit:.0f})",
    serious=True,
    drops=True,
)
EXACT_COPY = Kind(
    "exact_copy",
    "Copies: the same file more than once",
    "A split keeps copies in one part; --duplicates drop keeps one of each.",
    "one of {value:.0f} files with the same bytes; another is {other}",
)
NEAR_COPY = Kind(
    "near_copy",
    "Near copies: the same picture saved again, resized or brightened",
    "A split keeps copies in one part; --duplicates drop keeps one of each.",
    "looks like {other}; their thumbnails differ by at most {value:.0f} of 255",
)
DARK = Kind(
    "dark",
    "Dark pictures",
    "Is the product still to be seen? If not, take another picture.",
    "99 % of its pixels have a brightness of at most {value:.2f} (limit {limit:.2f})",
)
BRIGHT = Kind(
    "bright",
    "Pictures that are nearly white",
    "Over-exposed, or the product is tiny: cut it out larger, or take another picture.",
    "95 % of its pixels have a brightness of at least {value:.2f} (limit {limit:.2f})",
    by_largest=True,
)
LOW_INFORMATION = Kind(
    "low_information",
    "Pictures with little on them",
    "A few plain areas: is this the product, or a placeholder?",
    "the entropy of its values is {value:.1f} bits (limit {limit:.1f})",
)
BLURRED = Kind(
    "blurred",
    "Blurred pictures",
    "No edge in them is sharp even at 64 pixels: take another picture.",
    "its steepest edges rise by {value:.2f} of the contrast from pixel to pixel, at 64 pixels a side (limit "
    "{limit:.2f})",
)
ODD_ASPECT_RATIO = Kind(
    "odd_aspect_ratio",
    "Very long or very high pictures",
    "Training squashes every picture to a square: cut these, or train with resize pad.",
    "its shorter side is {value:.2f} of the longer (limit {limit:.2f})",
)
ODD_SIZE = Kind(
    "odd_size",
    "Much smaller or larger than the others",
    "Thumbnails and scans among the pictures? Small ones carry little detail.",
    "it is as large as a square of {value:.0f} pixels a side (limits {limit})",
)
GREYSCALE = Kind(
    "greyscale",
    "Greyscale pictures among coloured ones",
    "Where one class has more of them than others, a model learns the scanner instead of the product.",
    "its channels differ by at most {value:.0f} of 255 (limit {limit:.0f})",
)

KINDS = (
    BROKEN,
    CHANGED,
    EXACT_OTHER_CLASS,
    NEAR_OTHER_CLASS,
    EXACT_OTHER_PART,
    NEAR_OTHER_PART,
    PRODUCT_OTHER_PART,
    BLANK,
    EXACT_COPY,
    NEAR_COPY,
    DARK,
    BRIGHT,
    LOW_INFORMATION,
    BLURRED,
    ODD_ASPECT_RATIO,
    ODD_SIZE,
    GREYSCALE,
)
