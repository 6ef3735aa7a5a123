use super::*;
use proptest::prelude::*;

#[test]
fn domains_are_kept_as_lower_case_a_labels() {
    let long = format!("{}.example", "a".repeat(63));
    for (given, kept) in [
        ("contoso.com", "contoso.com"),
        ("Contoso.COM.", "contoso.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--bcher-kva.example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("예시.한국", "xn--vv4b11d.xn--3e0b707e"),
        ("1und1.de", "1und1.de"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        (long.as_str(), long.as_str()),
    ] {
        let domain = Domain::parse(given).unwrap_or_else(|e| panic!("{given}: {e}"));
        assert_eq!(domain.as_str(), kept, "{given}");
        assert_eq!(Domain::parse(&domain.to_unicode()), Ok(domain), "{given}");
    }
    assert_eq!(
        Domain::parse("xn--bcher-kva.example").unwrap().to_unicode(),
        "bücher.example"
    );
}

#[test]
fn what_is_no_domain_is_refused_for_its_own_reason() {
    let code = |text: &str| Domain::parse(text).map(|d| d.0).unwrap_err().code();
    let long_label = format!("{}.com", "a".repeat(64));
    let long_name = format!("{}com", "abcdefg.".repeat(32));
    let long_u_label = format!("{}.de", "ü".repeat(60));
    for (text, expected) in [
        ("", "names.empty"),
        ("  ", "names.empty"),
        ("a..com", "names.empty-label"),
        ("..", "names.empty-label"),
        (".contoso.com", "names.empty-label"),
        ("contoso.com..", "names.empty-label"),
        (long_label.as_str(), "names.label-too-long"),
        (long_u_label.as_str(), "names.label-too-long"),
        (long_name.as_str(), "names.too-long"),
        ("con toso.com", "names.bad-character"),
        ("contoso.com:5061", "names.bad-character"),
        ("a/b.com", "names.path-character"),
        ("../../etc", "names.path-character"),
        ("a\\b.com", "names.path-character"),
        ("con\u{1b}[31m.com", "names.control-character"),
        ("contoso.com\n", "names.control-character"),
        ("con\0.com", "names.control-character"),
        ("my_host.com", "names.underscore"),
        ("-a.com", "names.hyphen-edge"),
        ("a-.com", "names.hyphen-edge"),
        ("ab--cd.com", "names.reserved-hyphens"),
        ("localhost", "names.single-label"),
        ("192.0.2.1", "names.numeric-top"),
        ("contoso.123", "names.numeric-top"),
        ("me@contoso.com", "names.local-part"),
        ("*.contoso.com", "names.wildcard-here"),
        ("xn--a.com", "names.bad-a-label"),
        ("xn--contoso-.com", "names.hyphen-edge"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
    assert_eq!(code("\u{301}a.com"), "names.not-idna");
    // UTS #46 takes symbols, IDNA 2008 does not (RFC 5892); what was mapped to letters is fine.
    for text in ["i❤.ws", "☃.example", "a·b.example", "1⁄2.example"] {
        assert_eq!(code(text), "names.not-idna", "{text}");
    }
    assert_eq!(Domain::parse("①.example").unwrap().as_str(), "1.example");
    assert_eq!(Domain::parse("ﬁ.example").unwrap().as_str(), "fi.example");
    assert_eq!(code("a\u{202e}b.com"), "names.not-idna");
}

/// RFC 1035 §2.3.4 in A-labels, to the byte: what may be 63 and 253 may not be 64 and 254.
#[test]
fn lengths_are_counted_in_a_labels_to_the_byte() {
    let name_of = |total: usize| {
        let mut name = String::new();
        while name.len() + 4 < total {
            let rest = total - name.len() - 4;
            name.push_str(&"a".repeat(rest.min(62)));
            name.push('.');
            if total - name.len() < 4 {
                break;
            }
        }
        name.push_str(&"b".repeat(total - name.len()));
        name
    };
    for (text, outcome) in [
        (format!("{}.de", "a".repeat(63)), None),
        (
            format!("{}.de", "a".repeat(64)),
            Some("names.label-too-long"),
        ),
        // xn-- and the digits that ü takes count
        (format!("{}.de", "ü".repeat(50)), None),
        (
            format!("{}.de", "ü".repeat(60)),
            Some("names.label-too-long"),
        ),
        (name_of(253), None),
        (format!("{}.", name_of(253)), None),
        (name_of(254), Some("names.too-long")),
    ] {
        let parsed = Domain::parse(&text);
        assert_eq!(
            parsed.as_ref().err().map(NameError::code),
            outcome,
            "{text}"
        );
        if let Ok(domain) = parsed {
            assert!(domain.as_str().split('.').all(|label| label.len() <= 63));
        }
    }
    assert!(DnsId::parse(&format!("*.{}", name_of(251))).is_ok());
    assert_eq!(
        DnsId::parse(&format!("*.{}", name_of(252)))
            .unwrap_err()
            .code(),
        "names.too-long"
    );
}

#[test]
fn wildcards_stand_alone_in_front() {
    assert!(DnsId::parse("*.contoso.com").unwrap().is_wildcard());
    for text in [
        "*.com",
        "*",
        "a*.contoso.com",
        "*.*.contoso.com",
        "a.*.contoso.com",
        "**.contoso.com",
    ] {
        assert!(DnsId::parse(text).is_err(), "{text}");
    }
}

#[test]
fn example_names_are_known() {
    let is = |text: &str| Domain::parse(text).unwrap().is_for_examples();
    assert!(is("edge.example.com") && is("example.org") && is("a.test") && is("x.localhost"));
    assert!(!is("myexample.com") && !is("contoso.com") && !is("test.de"));
}

#[test]
fn within_counts_whole_labels() {
    let d = |text: &str| Domain::parse(text).unwrap();
    assert!(d("a.contoso.com").is_within(&d("contoso.com")));
    assert!(d("contoso.com").is_within(&d("contoso.com")));
    assert!(!d("notcontoso.com").is_within(&d("contoso.com")));
    assert!(!d("contoso.com").is_within(&d("a.contoso.com")));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_and_printing_parses_back(text in "\\PC{0,40}(\\.\\PC{1,10}){0,3}") {
        if let Ok(domain) = Domain::parse(&text) {
            prop_assert_eq!(&Domain::parse(domain.as_str()).unwrap(), &domain);
            prop_assert_eq!(&Domain::parse(&domain.to_unicode()).unwrap(), &domain);
            prop_assert!(domain.as_str().len() <= MAX_DOMAIN_BYTES && domain.as_str().contains('.'));
        }
    }

    #[test]
    fn plain_names_print_as_they_are(text in "[a-z0-9]{1,20}(\\.[a-z][a-z0-9]{0,10}){1,4}") {
        prop_assert_eq!(Domain::parse(&text).unwrap().to_string(), text.clone());
        let wild = format!("*.{text}");
        prop_assert_eq!(DnsId::parse(&wild).unwrap().to_string(), wild);
    }
}
