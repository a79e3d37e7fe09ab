"""Tools shared by all of `curate` and `finetune`: files, locks, terminals, tables. Knows no data set."""
