"""What a CI shows by itself: one file a format, all of them rendered from the session's results."""
