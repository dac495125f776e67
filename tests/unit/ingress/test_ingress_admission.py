"""Admission as a table, and its two laws as properties."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.money import Cents
from services.ingress.core.admission import BODY_BYTES_MAX, Admitted, Rejected, admit, media_type_refused, read_id

AMOUNT_MAX = 1_000_000
ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"


def _admit(amount: object = 19.90, payment_id: object = ID) -> Admitted | Rejected:
    return admit(json.dumps({"correlationId": payment_id, "amount": amount}).encode(), AMOUNT_MAX)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("19.90", 1990), ("19.9", 1990), ("0.01", 1), ("1", 100), ("1e2", 10_000), ("0.29", 29), ("1000000", 10**8)],
)
def test_amount_is_read_in_whole_cents(amount: str, cents: int) -> None:
    """However a number is written, it is the same cents."""
    body = f'{{"correlationId": "{ID}", "amount": {amount}}}'.encode()
    assert admit(body, AMOUNT_MAX) == Admitted(ID, Cents(cents))


@pytest.mark.parametrize(
    ("amount", "slug"),
    [
        (None, "field_mistyped"),
        ("19.90", "field_mistyped"),
        (True, "field_mistyped"),
        ([1], "field_mistyped"),
        ({}, "field_mistyped"),
        (0, "amount_not_positive"),
        (-0.01, "amount_not_positive"),
        (0.001, "amount_too_precise"),
        (19.901, "amount_too_precise"),
        (0.1 + 0.2, "amount_too_precise"),
        (AMOUNT_MAX + 0.01, "amount_too_large"),
        (10**30, "amount_too_large"),
        (float("nan"), "not_json"),
        (float("inf"), "not_json"),
    ],
)
def test_invalid_amount_has_its_slug(amount: object, slug: str) -> None:
    """Each kind of wrong amount has its own."""
    answer = _admit(amount)
    assert isinstance(answer, Rejected)
    assert (answer.status, answer.slug) == (400, slug)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ID[:-1],
        ID + "0",
        ID + "\n",
        " " + ID,
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        ID.replace("-", ""),
        ID.replace("-", "_"),
        ID.replace("4", "\N{FULLWIDTH DIGIT FOUR}"),
        ID[:9] + "-" + ID[9:-1],
        "*",
        ">",
    ],
)
def test_text_that_is_not_an_id_is_refused(text: str) -> None:
    """Only 8-4-4-4-12 hexadecimal digits are an id: nothing that could be part of a subject is accepted."""
    answer = _admit(payment_id=text)
    assert isinstance(answer, Rejected)
    assert answer.slug == "not_an_id"


def test_upper_case_is_another_spelling_of_the_same_id() -> None:
    """Ids are lower-cased before anything else uses them."""
    assert _admit(payment_id=ID.upper()) == _admit()
    assert read_id(ID.upper()) == ID


def test_detail_says_where_and_does_not_repeat_a_long_text() -> None:
    """The field is named, and what was sent is shortened."""
    answer = _admit(payment_id="x" * 3000)
    assert isinstance(answer, Rejected)
    assert answer.detail.startswith("correlationId:")
    assert len(answer.detail) < 200


def test_body_of_just_four_kib_is_read() -> None:
    """The bound is on bytes, inclusive."""
    body = json.dumps({"correlationId": ID, "amount": 1}).encode()
    assert isinstance(admit(body.ljust(BODY_BYTES_MAX), AMOUNT_MAX), Admitted)
    answer = admit(body.ljust(BODY_BYTES_MAX + 1), AMOUNT_MAX)
    assert isinstance(answer, Rejected)
    assert (answer.status, answer.slug) == (413, "body_too_large")


def test_further_fields_are_not_an_error() -> None:
    """A client may send more than is needed."""
    body = json.dumps({"correlationId": ID, "amount": 1, "note": "hello"}).encode()
    assert admit(body, AMOUNT_MAX) == Admitted(ID, Cents(100))


@settings(deadline=None)  # a busy machine is not a failure
@given(st.integers(min_value=1, max_value=AMOUNT_MAX * 100))
def test_every_whole_number_of_cents_is_admitted_exactly(cents: int) -> None:
    """What has two decimals is never refused and never changed."""
    body = f'{{"correlationId": "{ID}", "amount": {Decimal(cents) / 100}}}'.encode()
    assert admit(body, AMOUNT_MAX) == Admitted(ID, Cents(cents))


@settings(deadline=None)  # a busy machine is not a failure
@given(st.floats(min_value=1e-9, max_value=AMOUNT_MAX))
def test_more_than_two_decimals_are_refused_by_the_shortest_text(amount: float) -> None:
    """A double is admitted if and only if its shortest text has at most two decimals."""
    exponent = Decimal(repr(amount)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    assert isinstance(_admit(amount), Admitted) == (exponent >= -2)


@settings(deadline=None)  # a busy machine is not a failure
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["correlationId", "amount", "x"]), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_get_an_answer(body: bytes) -> None:
    """Whatever arrives is admitted or rejected with 4xx; nothing raises."""
    answer = admit(body, AMOUNT_MAX)
    assert isinstance(answer, Admitted) or 400 <= answer.status < 500


@pytest.mark.parametrize(
    "body",
    [
        '{"correlationId": "ID", "amount": 1, "amount": 2}',
        '{"amount": 1, "correlationId": "ID", "\\u0061mount": 2}',
        '{"correlationId": "ID", "correlationId": "ID", "amount": 1}',
        '{"amount": 1, "amount": 1}',
        '{"correlationId": "ID", "amount": 1, "more": {"a": 1, "a": 1}}',
    ],
)
def test_a_key_given_twice_is_refused(body: str) -> None:
    """Readers of JSON do not agree which of the two counts; and one of them is the amount."""
    answer = admit(body.replace("ID", ID).encode(), AMOUNT_MAX)
    assert isinstance(answer, Rejected)
    assert (answer.status, answer.slug) == (400, "key_repeated")


@pytest.mark.parametrize(
    "body",
    [
        ' {"amount":19.9 , "correlationId" : "ID"} ',
        '{"correlationId": "ID", "amount": 19.9, "note": "amount, \\"amount\\": 1"}',
        '{"correlationId": "ID", "amount": 19.9, "more": [{"a": 1}, {"a": 1}]}',
        '{"\\u0063orrelationId": "ID", "amount": 19.90}',
    ],
)
def test_other_keys_and_spellings_do_not_count_as_a_second_key(body: str) -> None:
    """Neither what looks like one within a text, nor one in another object."""
    assert admit(body.replace("ID", ID).encode(), AMOUNT_MAX) == Admitted(ID, Cents(1990))


def test_what_is_nested_too_deeply_is_refused() -> None:
    """Whether its keys repeat cannot be checked."""
    answer = admit(
        b'{"correlationId": "%b", "amount": 1, "x": %b}' % (ID.encode(), b"[" * 1010 + b"]" * 1010), AMOUNT_MAX
    )
    assert isinstance(answer, Rejected)
    assert answer.status == 400


@pytest.mark.parametrize(
    ("content_type", "encoding", "slug"),
    [
        (None, None, None),
        ("application/json", None, None),
        ("Application/JSON; charset=utf-8", "identity", None),
        ("application/merge-patch+json", None, None),
        ("text/plain", None, "not_json_type"),
        ("application/x-www-form-urlencoded", None, "not_json_type"),
        ("", None, "not_json_type"),
        ("text/plain; application/json", None, "not_json_type"),
        ("application/json", "gzip", "content_encoded"),
        (None, "br", "content_encoded"),
    ],
)
def test_only_uncompressed_json_is_read(content_type: str | None, encoding: str | None, slug: str | None) -> None:
    """A form or plain text can come from any page that an operator looks at."""
    refused = media_type_refused(content_type, encoding)
    assert (refused and (refused.status, refused.slug)) == (slug and (415, slug))
