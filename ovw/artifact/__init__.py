"""The artifact: a folder of IR, tokenizer and configuration files with a manifest that proves them."""
