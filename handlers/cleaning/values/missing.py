"""How people and programs write that a value is missing."""

# Exact, so that a set finds them; the spellings are those that programs write and people type.
MISSING = frozenset(
    [
        *("N/A", "n/a", "N/a", "NA", "na"),
        *("NaN", "nan", "NAN", "NULL", "null", "Null", "(null)", "\\N", "None", "none", "NONE", "nil"),
        *("-", "--", "–", "—", "?"),
    ]
)
