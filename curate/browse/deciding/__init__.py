"""What a person decides in the App, and what the App says of a label. Not showing pictures."""
