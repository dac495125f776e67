"""The flow of the ledger; ``ports`` is what it needs.

counting   fills the book, and answers summaries from it
snapshots  let it restart in seconds
checking   compares what is stored with what was counted
sampling   stores the state of the system every ten seconds; ``history`` answers from these samples and the book
loop_lag   measures by how much the event loop was late
"""
