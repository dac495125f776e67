"""The flow of the ledger: ``counting`` fills the book, ``snapshots`` lets it restart in seconds."""
