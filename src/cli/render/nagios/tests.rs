use super::super::samples::{
    HOSTILE, certificate, endpoint, report, taken, unknown as row_unknown,
};
use super::*;
use crate::check::{Sent, TargetKind};
use crate::findings::{Code, Finding, Severity};
use proptest::prelude::*;

/// A value of performance data as the guidelines have it.
#[derive(Debug)]
struct Datum {
    label: String,
    value: f64,
    ranges: Vec<String>,
}

/// The strict grammar of a plugin's output: one line of text, `|`, performance data; then long output without a pipe.
fn parse(text: &str) -> Result<(String, Vec<Datum>), String> {
    if text.len() > MAX_BYTES {
        return Err(format!("{} bytes", text.len()));
    }
    let body = text.strip_suffix('\n').ok_or("no end of line")?;
    if body.chars().any(|c| c != '\n' && is_harmful(c)) {
        return Err("a character that steers".to_owned());
    }
    let (first, long) = body.split_once('\n').unwrap_or((body, ""));
    if long.contains('|') {
        return Err("performance data in long output".to_owned());
    }
    let Some((line, data)) = first.split_once('|') else {
        return Ok((first.to_owned(), Vec::new()));
    };
    let line = line.strip_suffix(' ').ok_or("no blank before the pipe")?;
    let mut rest = data.strip_prefix(' ').ok_or("no blank behind the pipe")?;
    let mut found = Vec::new();
    loop {
        let (label, behind) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').ok_or("a label without end")?,
            None => {
                let at = rest.find('=').ok_or("no =")?;
                rest.split_at(at)
            }
        };
        if label.is_empty() || label.contains(['\'', '=', '|', '\n']) {
            return Err(format!("label {label:?}"));
        }
        let behind = behind.strip_prefix('=').ok_or("no = behind the label")?;
        let (datum, next) = behind.split_once(' ').unwrap_or((behind, ""));
        let mut parts = datum.split(';');
        let value = parts.next().unwrap_or_default();
        // No unit of measure: `12d` is none of s, %, B and c.
        let value: f64 = value.parse().map_err(|_| format!("value {value:?}"))?;
        let ranges: Vec<String> = parts.map(str::to_owned).collect();
        if ranges.len() > 4 {
            return Err(format!("{} parts", ranges.len()));
        }
        for range in ranges.iter().take(2) {
            range_of(range)?;
        }
        for bound in ranges.iter().skip(2).filter(|bound| !bound.is_empty()) {
            bound
                .parse::<f64>()
                .map_err(|_| format!("bound {bound:?}"))?;
        }
        found.push(Datum {
            label: label.to_owned(),
            value,
            ranges,
        });
        if next.is_empty() {
            return Ok((line.to_owned(), found));
        }
        rest = next;
    }
}

/// `[@][start:][end]`, start at most end.
fn range_of(range: &str) -> Result<Option<(f64, f64)>, String> {
    if range.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("range {range:?}");
    let inner = range.strip_prefix('@').unwrap_or(range);
    let (start, end) = inner.split_once(':').unwrap_or(("0", inner));
    let start = match start {
        "~" => f64::NEG_INFINITY,
        start => start.parse().map_err(|_| wrong())?,
    };
    let end = match end {
        "" => f64::INFINITY,
        end => end.parse().map_err(|_| wrong())?,
    };
    (start <= end)
        .then_some(Some((start, end)))
        .ok_or_else(wrong)
}

/// What the ranges of a datum come to.
fn alerts(datum: &Datum, at: usize) -> bool {
    let range = datum.ranges.get(at).map_or("", String::as_str);
    range_of(range)
        .unwrap()
        .is_some_and(|(start, end)| datum.value < start || datum.value > end)
}

#[test]
fn the_grammar_refuses_what_is_none() {
    for wrong in [
        "OK",
        "OK | 'a'=12d\n",
        "OK | 'a=1\n",
        "OK | a=1;2:1\n",
        "OK | a=1;;;;;\n",
        "OK | a=1\nlong | a=2\n",
        "OK |a=1\n",
        "OK | a=\n",
        "OK\u{1b}[31m\n",
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
    assert!(parse("OK | 'a b'=1;30:;~:5;0;9 c=-2\nlong\n").is_ok());
}

#[test]
fn the_ranges_of_the_data_alert_as_the_targets_stand() {
    let text = check(&report("plain"), &taken());
    let (line, data) = parse(&text).unwrap();
    assert!(
        line.starts_with("CERTIFICATES CRITICAL - 1 of 6: "),
        "{line}"
    );
    let told: Vec<(&str, f64, bool, bool)> = data
        .iter()
        .map(|one| {
            (
                one.label.as_str(),
                one.value,
                alerts(one, 0),
                alerts(one, 1),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ok", 2.0, false, false),
            ("warning", 2.0, true, false),
            ("critical", 1.0, false, true),
            ("unknown", 1.0, false, false),
            ("days_left_min", -4.0, true, true),
            ("edge.contoso.com:5269 contoso.com", 190.0, false, false),
            ("edge.contoso.com:5269 fabrikam.com", 190.0, false, false),
            // Of two leaves in it, the one that ends first.
            ("/etc/ssl/plain.pem", -4.0, true, true),
            ("external-edge/4", 60.0, false, false),
        ]
    );
}

#[test]
fn critical_is_told_before_warning_and_warning_before_unknown() {
    let mut all = CheckReport::default();
    let mut heads = Vec::new();
    for row in [
        endpoint("good", "contoso.com", None),
        row_unknown("dark", "dark"),
        endpoint("soon", "contoso.com", Some(Severity::Warning)),
        endpoint("bad", "contoso.com", Some(Severity::Error)),
    ] {
        all.push(row);
        let text = check(&all, &taken());
        heads.push(text.split(':').next().unwrap().to_owned());
    }
    assert_eq!(
        heads,
        [
            "CERTIFICATES OK - 1 of 1, good ends first, in 190 days | ok=1;;;0;1 warning=0;0;;0;1 critical=0;;0;0;1 \
             unknown=0;;;0;1 days_left_min=190;50",
            "UNKNOWN - 1 of 2",
            "CERTIFICATES WARNING - 1 of 3",
            "CERTIFICATES CRITICAL - 1 of 4",
        ]
    );
    let text = check(&all, &taken());
    let long: Vec<&str> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(long, ["CRITICAL", "WARNING", "UNKNOWN"]);
}

#[test]
fn one_day_is_not_many() {
    for (days, told) in [(0, "in 0 days"), (1, "in 1 day"), (2, "in 2 days")] {
        let mut all = CheckReport::default();
        let mut row = endpoint("good", "contoso.com", None);
        row.certificate = Some(certificate("contoso.com", 1, -10, days));
        all.push(row);
        let text = check(&all, &taken());
        assert!(
            text.contains(&format!("good ends first, {told} |")),
            "{text}"
        );
    }
}

#[test]
fn each_error_and_warning_of_a_target_has_its_line_and_errors_come_first() {
    let finding = |what: &str, severity| {
        Finding::new(Code::NamesMissing, "leaf", what, "why", "mend").with_severity(severity)
    };
    let rows = [("a.pem", ["one", "two"]), ("b.pem", ["three", "four"])];
    let mut all = CheckReport::default();
    for (target, [error, warning]) in rows {
        all.push(
            TargetReport::new(target, TargetKind::File)
                .with_finding(finding(warning, Severity::Warning))
                .with_finding(finding(error, Severity::Error))
                .with_finding(finding("a note", Severity::Note)),
        );
    }
    let told = check(&all, &taken());
    let long: Vec<&str> = told.lines().skip(1).collect();
    assert_eq!(
        long,
        [
            "CRITICAL a.pem: leaf: one (why)",
            "CRITICAL b.pem: leaf: three (why)",
            "WARNING a.pem: leaf: two (why)",
            "WARNING b.pem: leaf: four (why)",
        ]
    );
    let findings = [
        finding("one", Severity::Error),
        finding("two", Severity::Warning),
        finding("a note", Severity::Note),
    ];
    assert_eq!(
        verdict("x.pem", Verdict::Error, "", &findings, Some(-3)),
        "CERTIFICATE CRITICAL - x.pem: leaf: one (why) | days_left=-3\n\
         CRITICAL x.pem: leaf: one (why)\nWARNING x.pem: leaf: two (why)\n"
    );
    assert_eq!(
        verdict(
            "x.pem",
            Verdict::Ok,
            "x ends in 9 days",
            &findings[2..],
            Some(9)
        ),
        "CERTIFICATE OK - x.pem: x ends in 9 days | days_left=9\n"
    );
    let many = vec![finding(&"x".repeat(300), Severity::Error); 50];
    let text = verdict("x.pem", Verdict::Error, "", &many, Some(9));
    assert!(parse(&text).is_ok() && text.ends_with("…\n"), "{text}");
}

#[test]
fn an_intermediate_that_ends_first_counts_with_its_own_thresholds() {
    for (ends, value, warns, alarms) in [
        (400, 190.0, false, false),
        (100, 100.0, false, false),
        (40, 40.0, true, false),
        (7, 7.0, true, true),
        (-3, -3.0, true, true),
    ] {
        let mut row = endpoint("edge:5269", "contoso.com", None);
        row.chain[0].not_after = super::super::samples::NOW + time::Duration::days(ends)
            - time::Duration::HOUR * i32::from(ends < 0);
        // A root, or an ended certificate by which nothing holds.
        row.chain.push(Sent {
            weighs: false,
            not_after: super::super::samples::NOW - time::Duration::days(9),
            ..row.chain[0].clone()
        });
        let mut report = CheckReport::default();
        report.push(row);
        let (_, data) = parse(&check(&report, &taken())).unwrap();
        for label in ["days_left_min", "edge:5269 contoso.com"] {
            let datum = data.iter().find(|one| one.label == label).unwrap();
            let told = (datum.value, alerts(datum, 0), alerts(datum, 1));
            assert_eq!(told, (value, warns, alarms), "{label}, {ends}");
        }
    }
}

#[test]
fn a_failure_is_one_line_that_begins_with_unknown() {
    let text = unknown("no\nwork", HOSTILE, "mend | it");
    let (line, data) = parse(&text).unwrap();
    assert!(line.starts_with("UNKNOWN - no work; <script>"), "{line}");
    assert!(data.is_empty() && text.lines().count() == 1, "{text}");
}

#[test]
fn foreign_text_cannot_end_the_line_or_begin_performance_data() {
    let mut report = CheckReport::default();
    report.push(
        TargetReport::new("a|b\nc", TargetKind::File).with_finding(Finding::new(
            Code::ValidityExpired,
            "leaf",
            "ended 3 days ago",
            "pipe | here",
            "",
        )),
    );
    let text = check(&report, &taken());
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(
        first,
        "CERTIFICATES CRITICAL - 1 of 1: a¦b c: leaf: ended 3 days ago (pipe ¦ here) | ok=0;;;0;1 warning=0;0;;0;1 \
         critical=1;;0;0;1 unknown=0;;;0;1"
    );
    assert_eq!(
        rest,
        "CRITICAL a¦b c: leaf: ended 3 days ago (pipe ¦ here)\n"
    );
}

#[test]
fn the_line_counts_as_the_table_does() {
    let mut report = CheckReport::default();
    for (number, severity) in [Severity::Error, Severity::Warning, Severity::Warning]
        .into_iter()
        .chain([Severity::Note])
        .enumerate()
    {
        let finding = Finding::new(Code::ValidityExpired, "leaf", "x".repeat(2000), "", "");
        report.push(
            TargetReport::new(format!("{number}.pem"), TargetKind::File)
                .with_finding(finding.with_severity(severity)),
        );
    }
    let text = check(&report, &taken());
    let (line, data) = parse(&text).unwrap();
    assert!(
        line.starts_with("CERTIFICATES CRITICAL - 1 of 4: 0.pem: "),
        "{line}"
    );
    assert!(line.ends_with("; 2 warning"), "{line}");
    assert!(line.len() <= 1024 + '…'.len_utf8(), "{}", line.len());
    let values: Vec<f64> = data.iter().map(|one| one.value).collect();
    assert_eq!(values, [1.0, 2.0, 1.0, 0.0]);
}

#[test]
fn a_long_report_is_cut_at_what_nagios_reads() {
    let mut report = CheckReport::default();
    for number in 0..200 {
        report.push(
            TargetReport::new(format!("/etc/ssl/{number}.pem"), TargetKind::File).with_finding(
                Finding::new(Code::ValidityExpired, "leaf", "ended", "x".repeat(200), ""),
            ),
        );
    }
    let text = check(&report, &taken());
    assert!(parse(&text).is_ok(), "{}", text.len());
    assert!(text.ends_with("…\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_stands_in_a_report_the_output_is_within_the_grammar(
        text in any::<String>(),
        odd in "[|'=;:\\n\\r\\x1b \u{202e}é<>]{0,40}",
        times in 1usize..30,
    ) {
        let mut many = CheckReport::default();
        for number in 0..times {
            for row in report(&format!("{odd}{text}{number}")).targets {
                many.push(row);
            }
        }
        for report in [report(&text), report(&odd), many] {
            let told = check(&report, &taken());
            let (line, data) = parse(&told).map_err(TestCaseError::fail)?;
            prop_assert!(line.starts_with("CERTIFICATES CRITICAL - "));
            prop_assert!(data.len() >= 4 && data.len() <= 5 + MAX_GRAPHED);
            let labels: std::collections::BTreeSet<_> = data.iter().map(|one| &one.label).collect();
            prop_assert_eq!(labels.len(), data.len());
        }
        let told = unknown(&text, &odd, &text);
        prop_assert!(parse(&told).is_ok());
        prop_assert!(told.starts_with("UNKNOWN - ") && told.lines().count() == 1);
    }
}
