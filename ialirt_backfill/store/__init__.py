"""Where the files of the days lie."""
