"""Questions and answers about scenes: facts (``facts``), their wording (``wording``), their choice (``choose``)."""
