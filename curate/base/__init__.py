"""What every part of `curate` and `finetune` stands on: files, locks, terminals, tables. Knows no data set."""
