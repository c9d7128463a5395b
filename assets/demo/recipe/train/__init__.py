"""Training: batches (``batch``, ``labels``), what is learnt (``objectives``), in which order (``stages``, ``loop``)."""
