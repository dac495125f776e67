"""Restores a book from a snapshot, chunk by chunk: the result is exactly the written book, or it is refused."""

from services.ledger.core.book import Book
from services.ledger.core.snapshot import Chain, SnapshotManifest, UnusableError, decode_chunk


class Restoring:
    """Loads the chunks of a manifest, in their order, into a book.

    After an UnusableError the book must be cleared.
    """

    def __init__(self, book: Book, manifest: SnapshotManifest) -> None:
        self._book = book
        self._manifest = manifest
        self._chain = Chain(manifest.chain.generation)
        book.restore(manifest.names, manifest.chain.rows, manifest.replaced)

    def take(self, data: bytes) -> None:
        """Load the next chunk.

        Raises:
            UnusableError: it is damaged, or not the one that comes next.
        """
        block, self._chain = decode_chunk(self._chain, data)
        if max(block.processors, default=-1) >= len(self._manifest.names):
            raise UnusableError(f"chunk {self._chain.chunks - 1} has a processor without a name")
        self._book.extend(block)

    def end(self) -> None:
        """Make the book whole.

        Raises:
            UnusableError: these were not the chunks of the manifest.
        """
        if self._chain != self._manifest.chain:
            raise UnusableError(f"its chunks are {self._chain}, but should be {self._manifest.chain}")
        self._book.put_in_order()
        made = self._book.entries, self._book.refused
        if made != (self._manifest.entries, self._manifest.refused):
            raise UnusableError(f"it makes {made} entries and refusals, which is not what was written")
