"""The one reader of the daily files: an instrument's schema (`schema`), its days in it (`days`), means of these
(`averages`). What goes further than a file (export, plots, servers) begins here."""
