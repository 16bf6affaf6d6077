"""Reports: tables, charts and an explorer of errors, made from any mix of bench and eval records."""
