"""PROCESSOR_CREDENTIALS and PROCESSOR_CA: what stops a start, and which credentials are sent where."""

import json
import ssl
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.access import processor_access as module
from services.access.processor_access import NO_CREDENTIALS, ProcessorAccess, hider, processor_access
from services.contracts.processor import Processor
from services.settings.environment import SettingError
from tests.certificates import Authority, Pair

WORD = "s3cr3t-0123456789"
BEARER = {"Authorization": f"Bearer {WORD}"}
HTTPS = Processor("default", "https://pay.example", Decimal("0.05"))


@pytest.fixture
def client(tmp_path: Path) -> Pair:
    """A certificate of ours, beside the file that names it."""
    return Authority(tmp_path).issue("client")


def written(folder: Path, content: Any, mode: int = 0o600) -> dict[str, str]:
    """Write the file; return the environment that names it."""
    path = folder / "processors.json"
    path.touch(mode=0o600)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return {"PROCESSOR_CREDENTIALS": str(path)}


def access(folder: Path, content: Any) -> ProcessorAccess:
    """Read a file with this content."""
    return processor_access(written(folder, content))


def test_without_settings_no_credentials_are_sent() -> None:
    """Https is verified by this machine's authorities."""
    known = processor_access({})
    assert known.credentials_for("http://pay.example") == NO_CREDENTIALS
    tls = known.credentials_for("https://pay.example").tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("spelling", ["https://PAY.example:443/a/", "https://pay.example/a"])
def test_headers_belong_to_a_url_however_it_is_spelt(tmp_path: Path, spelling: str) -> None:
    """And to no other port, host, path or scheme."""
    known = access(tmp_path, {spelling: {"headers": BEARER}})
    assert known.credentials_for("https://pay.example/a").headers == tuple(BEARER.items())
    for other in (
        "https://pay.example",
        "https://pay.example:444/a",
        "http://pay.example/a",
        "https://x.pay.example/a",
    ):
        assert known.credentials_for(other).headers == ()
        assert known.lacks(other)
    assert not known.lacks("https://pay.example/a")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001", "http://127.9.9.9", "http://[::1]:8001", "http://localhost"])
def test_within_this_machine_headers_need_no_tls(tmp_path: Path, url: str) -> None:
    """Nobody can read along there."""
    assert access(tmp_path, {url: {"headers": BEARER}}).credentials_for(url).headers


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            {"http://pay.example": {"headers": BEARER}},
            "entry 1 would send headers to http://pay.example unencrypted",
        ),
        ({"http://10.0.0.7:8080": {"headers": BEARER}}, "unencrypted; use https"),
        ({"https://a": {}, f"Bearer {WORD}": {}}, "entry 2 is for no URL of a processor"),
        ({f"https://u:{WORD}@a": {}}, "entry 1 is for no URL of a processor"),
        ({"https://a": {}, "https://A:443/": {}}, "entry 2 has the same URL as another"),
        ({"https://a": {"headers": {"Host": "b"}}}, "name is not a header name, or not one for credentials"),
        ({"https://a": {"headers": {"Content-Length": "3"}}}, "not one for credentials"),
        ({"https://a": {"headers": {WORD + ":": "b"}}}, "name is not a header name"),
        ({"https://a": {"headers": {"X": f"{WORD}\r\nY: b"}}}, "printable characters"),
        ({"https://a": {"headers": {"X": ""}}}, "printable characters"),
        ({"https://a": {"headers": {"X": f"{WORD} "}}}, "without a space at an end"),
        ({"https://a": {"headers": {"X": f"{WORD}ü"}}}, "of ASCII"),
        ({"https://a": {"headers": {"X": WORD * 300}}}, "1 to 4096"),
        ({"https://a": {"headers": {f"X-{n}": WORD for n in range(9)}}}, "more than 8 headers"),
        ({"https://a": {"header": BEARER}}, "unknown field `header`"),
        ({"https://a": BEARER}, "unknown field"),
        ({"https://a": {"headers": {"X": 3}}}, "Expected `str`, got `int`"),
        ([WORD], "Expected `object`, got `array`"),
        (WORD, "malformed"),
        ({"https://a": {"certificate": "client.pem"}}, "a certificate or a key for https://a:443, and not both"),
        ({"http://a": {"certificate": "client.pem", "key": "client.key"}}, "which is not https"),
        ({"https://a": {"certificate": "client.key", "key": "client.key"}}, "not a certificate in PEM and its key"),
        ({"https://a": {"certificate": "none.pem", "key": "client.key"}}, "none.pem, which cannot be read"),
        ({"https://a": {"certificate": "client.pem", "key": "none.key"}}, "none.key, which cannot be read"),
    ],
)
def test_what_cannot_be_used_stops_the_start(tmp_path: Path, client: Pair, content: Any, sentence: str) -> None:
    """The variable and the place are named, and nothing secret."""
    with pytest.raises(SettingError) as caught:
        access(tmp_path, content)
    assert str(caught.value).startswith(f"PROCESSOR_CREDENTIALS names {tmp_path / 'processors.json'}, ")
    assert sentence in str(caught.value)
    assert WORD not in str(caught.value)


def test_a_certificate_of_ours_is_read_beside_the_file(tmp_path: Path, client: Pair) -> None:
    """Relative to the file, in whichever folder the program runs; all files are known, so that changes are noticed."""
    known = access(tmp_path, {"https://a": {"certificate": "client.pem", "key": "client.key"}})
    assert set(known.files) == {tmp_path / "processors.json", client.certificate, client.key}
    assert known.credentials_for("https://a").tls is not known.credentials_for("https://b").tls


def test_others_may_read_neither_the_file_nor_a_key(tmp_path: Path, client: Pair) -> None:
    """The sentence says how to fix it."""
    with pytest.raises(
        SettingError, match=r"which others may read or change \(mode 644\): chmod 600 .*processors.json"
    ):
        processor_access(written(tmp_path, {}, mode=0o644))
    client.key.chmod(0o644)
    with pytest.raises(SettingError, match=r"chmod 600 .*client.key"):
        access(tmp_path, {"https://a": {"certificate": "client.pem", "key": "client.key"}})


def test_authorities_are_those_of_the_file_alone(tmp_path: Path) -> None:
    """This machine's own are not added."""
    ca = Authority(tmp_path).ca
    known = processor_access({"PROCESSOR_CA": str(ca)})
    tls = known.credentials_for("https://a").tls
    assert tls is not None
    assert len(tls.get_ca_certs()) == 1
    assert known.files == (ca,)


@pytest.mark.parametrize(("text", "sentence"), [(None, "cannot be read"), ("no", "which has no certificate in PEM")])
def test_a_file_without_an_authority_stops_the_start(tmp_path: Path, text: str | None, sentence: str) -> None:
    """Even if no processor is https yet: one may become so."""
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingError, match=f"PROCESSOR_CA names {path}, which .*{sentence.removeprefix('which ')}"):
        processor_access({"PROCESSOR_CA": str(path)})


def test_https_needs_an_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without authorities' certificates the error says what to install; without TLS none are needed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    with pytest.raises(SettingError, match="install ca-certificates, or name a file in PROCESSOR_CA"):
        processor_access({}, [HTTPS])
    processor_access({"PROCESSOR_CA": str(Authority(tmp_path).ca)}, [HTTPS])
    processor_access({}, [Processor("default", "http://pay.example", Decimal("0.05"))])


def test_credentials_in_a_processors_answer_are_hidden(tmp_path: Path) -> None:
    """With its scheme or without; and no representation contains it."""
    credentials = access(tmp_path, {"https://a": {"headers": BEARER | {"X-Key": "ab"}}}).credentials_for("https://a")
    hide = hider(credentials)
    assert hide(f"no: Bearer {WORD}, {WORD} ab".encode()) == b"no: ***, *** ***"
    assert WORD not in repr(credentials)
    assert hider(module.NO_CREDENTIALS)(b"Bearer x") == b"Bearer x"
