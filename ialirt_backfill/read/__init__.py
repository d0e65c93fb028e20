"""The daily files, read: as text (`text`), in the types that the table of instruments gives (`typed`), as a DataFrame
(`frame`), each made of the one before. What goes further than a file (export, plots) begins here."""
