"""The web page of `ovw ui`."""
