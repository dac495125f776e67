"""The challenge's load tests, replayed on one machine.

A profile (`profiles/*.json`) says what happens; `script.js` makes it happen and notes it in a journal, line by line;
`audit` compares the journal with the processors' own books, id by id; `score` computes what the challenge would have
said; `report` shows it. A run passes if nothing was lost, late, contradicted, refused or charged twice. Speed decides
the score, never whether a run passes.
"""
