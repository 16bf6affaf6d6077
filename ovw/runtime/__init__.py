"""Encoder and decoder sessions on OpenVINO; nothing here knows about text."""
