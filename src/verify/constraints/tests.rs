//! Which names lie within which subtrees, and what is malformed.

use super::*;

fn dns(text: &str) -> ConstrainedName {
    ConstrainedName::Dns(text.to_owned())
}

fn email(text: &str) -> ConstrainedName {
    ConstrainedName::Email(text.to_owned())
}

fn uri(text: &str) -> ConstrainedName {
    ConstrainedName::Uri(text.to_owned())
}

fn srv(text: &str) -> ConstrainedName {
    ConstrainedName::Srv(text.to_owned())
}

fn ip(bytes: &[u8]) -> ConstrainedName {
    ConstrainedName::Ip(bytes.to_vec())
}

#[test]
fn names_lie_within_subtrees_of_their_form() {
    for (name, base, expected) in [
        (dns("a.example"), dns("a.example"), true),
        (dns("A.b.EXAMPLE"), dns("b.example"), true),
        (dns("ab.example"), dns("b.example"), false),
        (dns("example"), dns("b.example"), false),
        (dns("any.thing"), dns(""), true),
        (dns("*.b.example"), dns("b.example"), true),
        (dns("*.example"), dns("b.example"), false),
        (email("me@host.example"), email("host.example"), true),
        (email("me@a.host.example"), email("host.example"), false),
        (email("me@a.host.example"), email(".host.example"), true),
        (email("me@host.example"), email(".host.example"), false),
        (email("me@HOST.example"), email("me@host.example"), true),
        (email("Me@host.example"), email("me@host.example"), false),
        (email("*@host.example"), email("*@host.example"), true),
        (email("you@host.example"), email("*@host.example"), false),
        (uri("https://a.example/x"), uri("a.example"), true),
        (uri("https://me@b.a.example:8?x"), uri(".a.example"), true),
        (uri("https://b.a.example"), uri("a.example"), false),
        (ip(&[10, 1, 2, 3]), ip(&[10, 0, 0, 0, 255, 0, 0, 0]), true),
        (ip(&[11, 1, 2, 3]), ip(&[10, 0, 0, 0, 255, 0, 0, 0]), false),
        (ip(&[0; 16]), ip(&[0; 8]), false),
        (srv("_xmpp-server.a.example"), srv("a.example"), true),
        (srv("_xmpp-server.a.example"), srv("_xmpp-server"), true),
        (
            srv("_XMPP-server.b.a.example"),
            srv("_xmpp-server.a.example"),
            true,
        ),
        (
            srv("_xmpp-client.a.example"),
            srv("_xmpp-server.a.example"),
            false,
        ),
        (srv("_xmpp-client.a.example"), srv("b.example"), false),
        (dns("a.example"), email("a.example"), false),
    ] {
        assert_eq!(within(&name, &base), expected, "{name:?} {base:?}");
    }
}

#[test]
fn a_wildcard_touches_what_it_may_stand_for() {
    for (name, base, expected) in [
        ("*.example.com", "bar.example.com", true),
        ("*.example.com", "a.bar.example.com", false),
        ("*.example.com", "com", true),
        ("foo.example.com", "bar.example.com", false),
        ("*.example.com", "bar.example.org", false),
    ] {
        assert_eq!(touches(&dns(name), &dns(base)), expected, "{name} {base}");
    }
}

#[test]
fn constraints_are_malformed_or_not() {
    for (base, sound) in [
        (dns("a.example"), true),
        (dns(""), true),
        (dns(".a.example"), false),
        (dns("*.a.example"), false),
        (dns("a..example"), false),
        (email(".a.example"), true),
        (email("a@b@c.example"), false),
        (email("*@a.example"), true),
        (uri("https://a.example"), false),
        (uri(".a.example"), true),
        (ip(&[10, 0, 0, 0]), false),
        (ip(&[10, 0, 0, 0, 255, 0, 255, 0]), false),
        (ip(&[10, 0, 0, 0, 255, 240, 0, 0]), true),
        (ip(&[0; 32]), true),
        (srv("_xmpp-server"), true),
        (srv("_xmpp-server.a.example"), true),
        (srv("a..example"), false),
        (
            ConstrainedName::Unweighed("otherName 1.2.3".to_owned()),
            true,
        ),
        (ConstrainedName::Malformed("x".to_owned()), false),
    ] {
        assert_eq!(malformed_constraint(&base).is_none(), sound, "{base:?}");
    }
}

#[test]
fn forms_that_are_not_weighed_fail_closed_and_others_are_left_alone() {
    let other = |kind: &str| ConstrainedName::Unweighed(format!("otherName {kind}"));
    let only = |permitted: Vec<ConstrainedName>, excluded: Vec<ConstrainedName>| NameConstraints {
        permitted,
        excluded,
    };
    for (name, constraints, sound) in [
        (other("1.2.3"), only(vec![other("1.2.3")], vec![]), false),
        (other("1.2.3"), only(vec![], vec![other("1.2.3")]), false),
        (other("1.2.3"), only(vec![], vec![other("1.2.4")]), true),
        (dns("a.example"), only(vec![], vec![other("1.2.3")]), true),
        (
            dns("a.example"),
            only(vec![email("b.example")], vec![]),
            true,
        ),
        (
            dns(".a.example"),
            only(vec![dns("a.example")], vec![]),
            false,
        ),
        (
            dns(".a.example"),
            only(vec![email("a.example")], vec![]),
            true,
        ),
        (
            uri("sip:a.example"),
            only(vec![uri("a.example")], vec![]),
            false,
        ),
        (
            dns("a.example"),
            only(vec![dns("example")], vec![dns("a.example")]),
            false,
        ),
        (
            dns("b.example"),
            only(vec![dns("example")], vec![dns("a.example")]),
            true,
        ),
        (
            ConstrainedName::Malformed("x".to_owned()),
            only(vec![dns("b")], vec![]),
            false,
        ),
    ] {
        assert_eq!(
            outside(&name, &constraints).is_none(),
            sound,
            "{name:?} {constraints:?}"
        );
    }
}
