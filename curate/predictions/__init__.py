"""What models read: prediction files, the formula inside an answer, and answers beside labels. Scores no model."""
