"""An answer becomes rows, rows become text, text becomes the day's CSV. No disk, no network."""
