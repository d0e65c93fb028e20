"""I-ALiRT, asked politely: windows, retries, pace, what a failure means, and the wire."""
