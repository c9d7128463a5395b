"""Scenes: what is in a picture (``layout``), and the picture itself (``draw``)."""
