"""The command line `finetune`: `main` holds the group of commands. The work is done elsewhere."""
