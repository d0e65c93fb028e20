"""The one reader of the daily files: an instrument's schema (`schema`), its days in it (`days`), means of these
(`averages`), times to the nanosecond (`epochs`); and for people a stretch of time as a table of arrow (`table`) or a
DataFrame (`frame`). What goes further than a file (export, plots, servers) begins here."""
