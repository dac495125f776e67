"""Who may do what: every kind of caller with every kind of access."""

from datetime import UTC, datetime

import pytest

from services.ingress.core.call import Call
from services.ingress.core.guard import (
    ANYBODY,
    CROSS_SITE,
    KEY_MISSING,
    KEY_UNKNOWN,
    WRONG_HOST,
    Access,
    Caller,
    Denied,
    Guard,
)
from services.keys.key import Key, Scope, hash_of

HOST = "127.0.0.1:9999"
AT = datetime(2026, 11, 26, tzinfo=UTC)
ALL: tuple[Scope, ...] = ("pay", "read", "operate")


def key(secret: str, scopes: tuple[Scope, ...] = ALL, rate_per_s: float = 1.0, burst: int = 1000) -> Key:
    """Return a key whose name is derived from its secret."""
    return Key(f"of-{secret}", hash_of(secret.encode()), scopes, rate_per_s, burst, AT)


def knowing(*keys: Key) -> Guard:
    """Return a guard that requires keys."""
    guard = Guard(Access.KEYS)
    guard.use(keys, 0.0)
    return guard


def bearer(secret: str, method: str = "POST", **headers: str) -> Call:
    """Return the call of a client with a key."""
    return Call(method, HOST, f"Bearer {secret}", **headers)


def outcome(judged: Caller | Denied) -> str | None:
    """Return the name of the key, or the slug."""
    return judged.slug if isinstance(judged, Denied) else judged.key_name


def test_each_key_may_do_what_its_scopes_allow() -> None:
    """And nothing else, which is 403 and names what is missing."""
    for scope in ALL:
        guard = knowing(key("one", (scope,)))
        for wanted in ALL:
            judged = guard.judge(bearer("one"), wanted, 0.0)
            if wanted == scope:
                assert judged == Caller("of-one", hash_of(b"one"))
            else:
                assert isinstance(judged, Denied)
                assert (judged.status, judged.slug) == (403, "scope_missing")
                assert f'scope="{wanted}"' in judged.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (None, KEY_MISSING),
        ("", KEY_MISSING),
        ("Bearer", KEY_MISSING),
        ("Bearer ", KEY_MISSING),
        ("Basic b25lOm9uZQ==", KEY_MISSING),
        ("one", KEY_MISSING),
        ("Bearer ONE", KEY_UNKNOWN),
        ("Bearer one two", KEY_UNKNOWN),
        ("Bearer one,Bearer one", KEY_UNKNOWN),
        ("Bearer " + hash_of(b"one"), KEY_UNKNOWN),
        ("Bearer on\udcff", KEY_UNKNOWN),
        ("bearer  one ", Caller("of-one", hash_of(b"one"))),
    ],
)
def test_an_invalid_key_lets_nobody_in(authorization: str | None, expected: Caller | Denied) -> None:
    """Not even the hash in the file is: reading the file must not be enough to call."""
    assert knowing(key("one")).judge(Call("POST", HOST, authorization), "pay", 0.0) == expected


def test_a_limit_is_the_keys_own_and_the_denial_says_when_to_retry() -> None:
    """Whole seconds, rounded up; it does not delay another key, and a denial uses nothing up."""
    guard = knowing(key("one", rate_per_s=0.4, burst=2), key("two", ("read",)))
    assert [outcome(guard.judge(bearer("one"), "pay", 0.0)) for _ in range(2)] == ["of-one", "of-one"]
    denied = guard.judge(bearer("one"), "pay", 0.0)
    assert isinstance(denied, Denied)
    assert (denied.status, denied.slug, denied.headers["Retry-After"]) == (429, "too_many_requests", "3")
    assert outcome(guard.judge(bearer("two"), "read", 0.0)) == "of-two"
    assert outcome(guard.judge(bearer("one"), "pay", 2.5)) == "of-one"


def test_a_revoked_key_is_refused_at_once_and_a_used_up_limit_stays() -> None:
    """Reading the file again must not give a key a new burst; a new limit is new."""
    one, two = key("one", rate_per_s=0.001, burst=1), key("two")
    guard = knowing(one, two)
    caller = guard.judge(bearer("one"), "read", 0.0)
    assert isinstance(caller, Caller)
    guard.use((one,), 1.0)
    assert guard.judge(bearer("two"), "read", 1.0) == KEY_UNKNOWN
    assert outcome(guard.judge(bearer("one"), "read", 1.0)) == "too_many_requests"
    assert guard.may_still(caller, "read")
    guard.use((key("one", ("pay",), rate_per_s=0.001, burst=2),), 2.0)
    assert outcome(guard.judge(bearer("one"), "pay", 2.0)) == "of-one"
    assert not guard.may_still(caller, "read")
    # The same name with another secret is another key.
    guard.use((replace_secret(one, "three"),), 3.0)
    assert not guard.may_still(caller, "read")


def replace_secret(known: Key, secret: str) -> Key:
    """Return a key of the same name."""
    return Key(known.name, hash_of(secret.encode()), known.scopes, known.rate_per_s, known.burst, known.created_at)


OURS = Call("POST", HOST, cookie="one", origin=f"http://{HOST}", site="same-origin", mode="cors", dest="empty")
COOKIES = {
    "a script of our page": (OURS, "of-one"),
    "the same in an older browser": (Call("POST", HOST, cookie="one", origin=f"http://{HOST}"), "of-one"),
    "another site's form": (OURS._replace(origin="http://evil.test", site="cross-site", mode="navigate"), "cross_site"),
    "another port of this host": (OURS._replace(origin="http://127.0.0.1:5000", site="same-site"), "cross_site"),
    "the same in an older one": (Call("POST", HOST, cookie="one", origin="http://127.0.0.1:5000"), "cross_site"),
    "a page without an origin": (Call("POST", HOST, cookie="one", origin="null"), "cross_site"),
    "a change without any origin": (Call("POST", HOST, cookie="one"), "cross_site"),
    "a change as if typed": (Call("POST", HOST, cookie="one", site="none", mode="navigate"), "cross_site"),
    "an address that was typed": (Call("GET", HOST, cookie="one", site="none", mode="navigate"), "of-one"),
    "a GET of an older browser": (Call("GET", HOST, cookie="one"), "of-one"),
    "another site's image": (Call("GET", HOST, cookie="one", site="cross-site", mode="no-cors"), "cross_site"),
    "another site's frame": (
        Call("GET", HOST, cookie="one", site="same-site", mode="navigate", dest="iframe"),
        "cross_site",
    ),
    "another site's link": (
        Call("GET", HOST, cookie="one", site="same-site", mode="navigate", dest="document"),
        "of-one",
    ),
    "a revoked key": (OURS._replace(cookie="two"), "key_unknown"),
}


@pytest.mark.parametrize("who", COOKIES)
def test_a_cookie_counts_only_for_our_own_pages(who: str) -> None:
    """A browser sends it by itself, so the request must be shown to come from our page."""
    call, expected = COOKIES[who]
    assert outcome(knowing(key("one")).judge(call, "operate", 0.0)) == expected


def test_a_header_needs_no_such_proof_and_takes_precedence_over_the_cookie() -> None:
    """No other site's page can make a browser send it."""
    guard = knowing(key("one"), key("two"))
    assert outcome(guard.judge(bearer("two", origin="http://evil.test", cookie="one"), "pay", 0.0)) == "of-two"


@pytest.mark.parametrize("access", [Access.LOOPBACK, Access.OPEN])
def test_without_keys_another_sites_page_may_still_do_nothing(access: Access) -> None:
    """Not even with a header that looks like a key; a program does not send where it comes from."""
    guard = Guard(access)
    assert guard.judge(Call("POST", HOST), "pay", 0.0) == ANYBODY
    assert guard.judge(bearer("anything"), "pay", 0.0) == ANYBODY
    assert guard.judge(bearer("anything", origin="http://evil.test"), "pay", 0.0) == CROSS_SITE
    assert guard.judge(Call("POST", HOST, origin="null"), "pay", 0.0) == CROSS_SITE
    assert guard.judge(Call("POST", HOST, origin="http://127.0.0.1:5000"), "operate", 0.0) == CROSS_SITE
    assert guard.judge(Call("GET", HOST, site="cross-site", mode="cors", dest="empty"), "read", 0.0) == CROSS_SITE
    assert guard.judge(Call("GET", HOST, site="cross-site", mode="navigate", dest="document"), "read", 0.0) == ANYBODY
    assert guard.judge(Call("POST", HOST, origin=f"http://{HOST}", site="same-origin"), "operate", 0.0) == ANYBODY


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9999", "a.localhost", "127.0.0.1", "127.1.2.3:1", "[::1]:80"])
def test_on_loopback_the_machines_own_names_are_accepted(host: str) -> None:
    """With any port."""
    assert Guard(Access.LOOPBACK).judge(Call("POST", host), "pay", 0.0) == ANYBODY


@pytest.mark.parametrize(
    "host",
    ["evil.test:9999", "127.0.0.1.evil.test", "localhost.evil.test", "evillocalhost", "0.0.0.0:9999", "", "10.0.0.1"],
)
def test_on_loopback_any_other_name_is_refused(host: str) -> None:
    """A page whose name is made to resolve to us (DNS rebinding) is same-origin for its browser."""
    as_own = Call("POST", host, origin=f"http://{host}", site="same-origin", mode="cors", dest="empty")
    assert Guard(Access.LOOPBACK).judge(as_own, "pay", 0.0) == WRONG_HOST
    assert Guard(Access.OPEN).judge(Call("POST", host), "pay", 0.0) == ANYBODY


def test_signing_in_needs_a_key_that_may_read() -> None:
    """One that may only pay would get a page of errors."""
    guard = knowing(key("one", ("read",)), key("two", ("pay",)))
    assert [outcome(guard.signed_in(secret)) for secret in ("one", "two", "three")] == [
        "of-one",
        "scope_missing",
        "key_unknown",
    ]


def test_checking_a_scope_does_not_count_against_the_limit() -> None:
    """What anybody may call is not refused to a key that has used up its limit."""
    guard = knowing(key("one", ("read",), rate_per_s=0.001, burst=1), key("two", ("pay",)))
    assert [guard.may(bearer("one", "GET"), "read") for _ in range(3)] == [True, True, True]
    assert not guard.may(bearer("two", "GET"), "read")
    assert not guard.may(Call("GET", HOST), "read")
    assert Guard(Access.OPEN).may(Call("GET", HOST), "read")
