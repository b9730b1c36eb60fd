"""Tables from records: text, Markdown and CSV."""
