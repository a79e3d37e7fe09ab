"""What an export says of itself: card, manifest, figures, tables, and sending it to the hub."""
