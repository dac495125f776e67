"""The challenge's load tests, replayed on one machine.

A profile (`profiles/*.json`) says what happens; `script.js` does it and records it in a journal, line by line;
`audit` compares the journal with the processors' own books, id by id; `score` computes the challenge's
score; `report` shows it. A run passes if nothing was lost, late, contradicted, refused or charged twice. Speed decides
the score, never whether a run passes.
"""
