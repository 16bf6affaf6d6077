"""Data only: model table, languages and ready configurations, installed as `ovw.configs`."""
