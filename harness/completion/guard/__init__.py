"""A guard: a small classifier beside a chatbot, which tells texts that aren't wanted from those that are."""
