"""Invalid values that several tests use."""

NOT_DAYS = (
    *("0", "-1", "2.5", "1e3", "0x10", "", " 2 ", "2\n", "+5", "1_000", "007", "x", "\udcff"),
    *("\N{ARABIC-INDIC DIGIT TWO}", "\N{FULLWIDTH DIGIT TWO}", "\N{SUPERSCRIPT TWO}"),
)
"""Texts that --expiry refuses: only the digits of a number of 1 or more are accepted."""

NOT_BOOLEANS = ("", "maybe", "None", "\N{FULLWIDTH DIGIT ONE}", "2", "true\n", "\x1b[31m")
"""Texts that --must-change refuses."""

LITERAL_USERNAMES = (
    *("' OR 1=1 --", "%", "_____", "user_", "user1;", "*"),
    *("user1 ", " user1", "use\N{COMBINING ACUTE ACCENT}r1"),
)
"""Names of no user, which SQL, a pattern or normalisation would match with `user1`."""
