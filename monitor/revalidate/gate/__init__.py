"""Who deserves to be in force: a candidate against a yardstick, a version against another one. Pure."""
