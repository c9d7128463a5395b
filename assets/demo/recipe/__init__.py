"""The recipe of the demo checkpoint: scenes, questions, model, training, export and evaluation.

Run it as ``python -m recipe`` from the directory above this one; see README.md.
"""
