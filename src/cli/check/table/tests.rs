use super::*;

#[test]
fn a_short_terminal_keeps_the_worst_rows_and_the_sum() {
    let mut report = CheckReport::default();
    for number in 0..30 {
        let row = TargetReport::new(format!("target-{number}"), TargetKind::File);
        let finding = |severity| {
            Finding::new(Code::ValidityEndsSoon, "leaf", "ends", "why", "mend")
                .with_severity(severity)
        };
        report.push(match number {
            7 | 21 => row.with_finding(finding(Severity::Error)),
            3 => row.with_finding(finding(Severity::Warning)),
            _ => row,
        });
    }
    let now = OffsetDateTime::UNIX_EPOCH;
    let whole = render(&report, now, false);
    let all = whole.lines().count();
    assert_eq!(render_within(&report, now, false, all), whole);
    for height in 4..all {
        let cut = render_within(&report, now, false, height);
        assert!(cut.lines().count() <= height, "{height}: {cut}");
        let last = cut.lines().last().unwrap();
        assert!(
            console::strip_ansi_codes(last).starts_with("CRITICAL  2 of 30"),
            "{cut}"
        );
        assert!(cut.contains("target-7 "), "{height}: {cut}");
    }
    let cut = render_within(&report, now, false, 6);
    let rows: Vec<&str> = cut
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.starts_with("target-"))
        .collect();
    // The three that are not sound, each in its place.
    assert_eq!(rows, ["target-3", "target-7", "target-21"], "{cut}");
    assert!(cut.contains("27 more are not shown"), "{cut}");
    // With more room the worst is explained before sound rows take it.
    assert!(render_within(&report, now, false, 20).contains("validity.ends-soon"));
}

#[test]
fn a_row_says_the_end_once() {
    use time::macros::datetime;
    let certificate = CertificateForm {
        name: "edge.contoso.com".to_owned(),
        subject: String::new(),
        issuer: String::new(),
        sans: Vec::new(),
        not_before: datetime!(2026-01-01 0:00 UTC),
        not_after: datetime!(2026-04-01 0:00 UTC),
        sha256: crate::x509::Fingerprint::of(b"leaf"),
        spki_sha256: crate::x509::Fingerprint::of(b"key"),
        serial: String::new(),
    };
    let now = datetime!(2026-04-04 0:00 UTC);
    for (code, place, said) in [
        (
            Code::ValidityExpired,
            "leaf, validity",
            "what · edge.contoso.com",
        ),
        (
            Code::ChainNoPath,
            "leaf",
            "what · edge.contoso.com ended 2026-04-01 (3 days ago)",
        ),
        (
            Code::ValidityEndsSoon,
            "intermediate 1",
            "what · edge.contoso.com ended 2026-04-01 (3 days ago)",
        ),
    ] {
        let finding = Finding::new(code, place, "what", "why", "mend");
        let row = TargetReport {
            certificate: Some(certificate.clone()),
            ..TargetReport::new("edge.pem", TargetKind::File).with_finding(finding)
        };
        assert_eq!(words(&row, now), said, "{code:?} {place}");
    }
}

#[test]
fn a_service_that_does_not_answer_inside_is_seen_in_its_row() {
    let inside = Finding::new(Code::LiveInside, "", "does not answer", "why", "mend");
    let row = TargetReport::new("edge:5270", TargetKind::Endpoint).with_finding(inside);
    assert_eq!(row.status(), Status::Ok);
    assert!(words(&row, OffsetDateTime::UNIX_EPOCH).contains("does not answer"));
}

#[test]
fn a_row_without_a_certificate_says_what_was_found() {
    let note = Finding::new(
        Code::CheckUnreadable,
        "edge.p12",
        "is encrypted",
        "why",
        "mend",
    )
    .with_severity(Severity::Note);
    let row = TargetReport::new("edge.p12", TargetKind::File).with_finding(note);
    assert_eq!(row.status(), Status::Ok);
    assert_eq!(words(&row, OffsetDateTime::UNIX_EPOCH), "is encrypted");
}

#[test]
fn the_sum_says_only_what_was_not_judged() {
    let mut report = CheckReport::default();
    for lacks in [
        &["chain", "names"][..],
        &["names"],
        &["chain"],
        &["names", "key"],
        &[],
    ] {
        let mut row = TargetReport::new("x", TargetKind::File);
        row.not_applicable = lacks.iter().map(|part| (*part, String::new())).collect();
        report.push(row);
    }
    let told: Vec<_> = not_judged(&report).collect();
    assert_eq!(
        told,
        [
            "1 judged without chain and names (--for, --roots and --name say against what)",
            "1 judged without chain (--for and --roots say against what)",
            "2 judged without names (--for and --name say against what)",
        ]
    );
}
