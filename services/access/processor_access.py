"""Our credentials for processors, and the authorities of theirs: PROCESSOR_CREDENTIALS and PROCESSOR_CA.

Credentials belong to a URL and not to a processor's name: who may change the bucket `processors` can send payments
elsewhere, and must not get the keys with them.
"""

import os
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from services.access.secret_file import read_secret
from services.contracts.processor import Processor, address_of, check_url
from services.settings.environment import SettingError, text_as

HEADER_CHARACTERS_MAX = 4096  # some servers refuse heads above 8 KiB
HEADERS_MAX = 8
CREDENTIALS, AUTHORITIES = "PROCESSOR_CREDENTIALS", "PROCESSOR_CA"

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
# They say where a request ends, and whom it is for: a credential that changes that is none.
_NOT_CREDENTIALS = frozenset(
    {
        *("host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection"),
        *("expect", "keep-alive", "te", "trailer", "upgrade"),
    }
)


@dataclass(frozen=True, slots=True)
class ProcessorCredentials:
    """Sent to one processor: ``headers`` with every request; ``tls``, for https, may have a certificate of ours.

    ``tls`` also says by what the processor must be known, before anything is sent to it.
    """

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: ssl.SSLContext | None = None


NO_CREDENTIALS = ProcessorCredentials()


def hider(credentials: ProcessorCredentials) -> Callable[[bytes], bytes]:
    """Return what takes the credentials out of a text, as a processor may say them back in its answer.

    So does what follows a scheme in them: a token is as secret without its `Bearer`.
    """
    secret = {part for _, value in credentials.headers for part in (value, *value.split()[1:])}
    values = sorted((value.encode() for value in secret), key=len, reverse=True)

    def hide(text: bytes) -> bytes:
        for value in values:
            text = text.replace(value, b"***")
        return text

    return hide


class ProcessorAccess:
    """The credentials, as the files had them when they were read.

    Args:
        authorities: the file with those that vouch for processors; None: those that this machine knows.
        by_address: the credentials, by `address_of` of the processor.
        files: all that was read.
    """

    def __init__(
        self,
        authorities: Path | None = None,
        by_address: Mapping[str, ProcessorCredentials] | None = None,
        files: Iterable[Path] = (),
    ) -> None:
        self._authorities = authorities
        self._by_address = by_address or {}
        self.files = tuple(files)

    def lacks(self, url: str) -> bool:
        """Return whether there are credentials, and none for this URL."""
        return bool(self._by_address) and address_of(url) not in self._by_address

    def credentials_for(self, url: str) -> ProcessorCredentials:
        """Return the credentials for the processor at a base URL; it must be one that `check_url` accepts."""
        credentials = self._by_address.get(address_of(url))
        if credentials is not None:
            return credentials
        return ProcessorCredentials(tls=self._tls) if urlsplit(url).scheme == "https" else NO_CREDENTIALS

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return verifying(self._authorities)


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    headers: dict[str, str] = {}
    certificate: str = ""
    key: str = ""


_entries = msgspec.json.Decoder(dict[str, _Entry])


def processor_access(env: Mapping[str, str], processors: Iterable[Processor] = ()) -> ProcessorAccess:
    """Read it from the environment; ``processors`` are those of the settings.

    Raises:
        SettingError: names the variable whose file cannot be used, and why; never what is secret in it.
    """
    authorities = text_as(env, AUTHORITIES, "", _authorities)
    is_tls = any(urlsplit(processor.url).scheme == "https" for processor in processors)
    if is_tls and authorities is None and not _knows_authorities():
        raise SettingError(
            f"PROCESSORS has https, and this machine knows no authority to verify it by: install ca-certificates, "
            f"or name a file in {AUTHORITIES}"
        )

    def read(text: str) -> tuple[dict[str, ProcessorCredentials], list[Path]]:
        return _credentials(Path(text), authorities) if text else ({}, [])

    by_address, files = text_as(env, CREDENTIALS, "", read)
    return ProcessorAccess(authorities, by_address, [*([authorities] if authorities else []), *files])


def verifying(authorities: Path | None) -> ssl.SSLContext:
    """Return what verifies the other end of a connection, by the machine's own authorities where None is given.

    Raises:
        ValueError: the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
    except ssl.SSLError:
        raise ValueError(f"names {authorities}, which has no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"names {authorities}, which cannot be read: {error.strerror}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _authorities(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    verifying(path)
    return path


def _knows_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile) or (bool(paths.capath) and any(os.scandir(paths.capath)))


def _credentials(path: Path, authorities: Path | None) -> tuple[dict[str, ProcessorCredentials], list[Path]]:
    try:
        entries = _entries.decode(read_secret(path))
    except msgspec.MsgspecError as error:  # it names the place and the type, and not the content
        raise ValueError(f"names {path}, which does not have the required format: {error}") from None
    by_address: dict[str, ProcessorCredentials] = {}
    files = [path]
    for number, (url, entry) in enumerate(entries.items(), start=1):
        try:
            address = _address(url)
            if address in by_address:
                raise ValueError("has the same URL as another entry")  # noqa: TRY301  # its number comes with it
            by_address[address] = ProcessorCredentials(
                _headers(entry, url), _tls(entry, address, path.parent, authorities)
            )
        except ValueError as error:
            raise ValueError(f"names {path}, whose entry {number} {error}") from None
        files += [path.parent / name for name in (entry.certificate, entry.key) if name]
    return by_address, files


def _address(url: str) -> str:
    try:
        check_url("it", url)
    except ValueError:  # not repeated: a secret may stand in its place
        raise ValueError("is for no URL of a processor; write https://host:port as in PROCESSORS") from None
    return address_of(url)


def _headers(entry: _Entry, url: str) -> tuple[tuple[str, str], ...]:
    if len(entry.headers) > HEADERS_MAX:
        raise ValueError(f"has more than {HEADERS_MAX} headers")
    if entry.headers and not is_private(url):
        raise ValueError(f"would send headers to {url} unencrypted; use https, except on this machine")
    for name, value in entry.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _NOT_CREDENTIALS:
            raise ValueError(f"has a header for {url} whose name is not a header name, or not one for credentials")
        if not _HEADER_VALUE.fullmatch(value) or len(value) > HEADER_CHARACTERS_MAX:
            raise ValueError(
                f"has a value of {name} for {url} that is not 1 to {HEADER_CHARACTERS_MAX} printable characters "
                "of ASCII, without a space at an end"
            )
    return tuple(entry.headers.items())


def _tls(entry: _Entry, address: str, folder: Path, authorities: Path | None) -> ssl.SSLContext | None:
    if bool(entry.certificate) != bool(entry.key):
        raise ValueError(f"has a certificate or a key for {address}, and not both")
    if not address.startswith("https:"):
        if entry.certificate:
            raise ValueError(f"has a certificate for {address}, which is not https")
        return None
    context = verifying(authorities)
    if entry.certificate:
        certificate, key = folder / entry.certificate, folder / entry.key
        read_secret(key)
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")
        except ssl.SSLError:
            raise ValueError(
                f"has {certificate} and {key}, which are not a certificate in PEM and its key without a password"
            ) from None
        except OSError as error:
            raise ValueError(f"has {certificate}, which cannot be read: {error.strerror}") from None
    return context


def is_private(url: str) -> bool:
    """Return whether nobody can read along on the way to a URL: over TLS, or within this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
