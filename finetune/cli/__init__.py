"""The command line `finetune`, one command per module. The work is done elsewhere."""
