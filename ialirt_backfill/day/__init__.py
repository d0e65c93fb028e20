"""An answer becomes rows, rows become text, text becomes the day's CSV. No disk, no network.

The bytes of an answer go through `answers` (the way in), `columns` or `rows` (with `selection`), `cells` and `times`,
and are a `table` of text then; `version` says what of it is to be written, `content` how it is written and read.
"""
