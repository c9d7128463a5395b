"""The model in plain PyTorch; module and parameter names are the keys of the released checkpoints."""
