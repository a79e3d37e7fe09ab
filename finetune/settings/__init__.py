"""The settings of a training, their files, and files of prompts."""
