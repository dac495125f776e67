"""The story of the ledger: ``counting`` keeps the book, ``keeping`` has it survive a restart in seconds."""
