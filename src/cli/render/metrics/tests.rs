use super::super::samples::{HOSTILE, endpoint, report, taken};
use super::*;
use std::io::Write;
use std::process::{Command, Stdio};

fn text(report: &CheckReport, names: MetricNames) -> String {
    check(report, &taken(), Exposition::Prometheus, names)
}

#[test]
fn promtool_accepts_both_and_they_are_the_same_but_for_the_end() {
    for report in [
        CheckReport::default(),
        report("plain"),
        report(HOSTILE),
        report(&HOSTILE.repeat(40)),
    ] {
        for names in [MetricNames::Own, MetricNames::AndBlackbox] {
            let prometheus = text(&report, names);
            let open = check(&report, &taken(), Exposition::OpenMetrics, names);
            assert_eq!(open, format!("{prometheus}# EOF\n"));
            for page in [&prometheus, &open] {
                let mut promtool = Command::new("promtool")
                    .args(["check", "metrics"])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut input = promtool.stdin.take().unwrap();
                input.write_all(page.as_bytes()).unwrap();
                drop(input);
                let said = promtool.wait_with_output().unwrap();
                let words = String::from_utf8_lossy(&said.stderr).into_owned();
                // blackbox_exporter's own names break a rule of its authors; nothing else may.
                let own: Vec<&str> = words
                    .lines()
                    .filter(|line| !line.starts_with("probe_"))
                    .collect();
                assert!(own.is_empty(), "{words}\n{page}");
                assert!(
                    said.status.success() || names == MetricNames::AndBlackbox,
                    "{words}\n{page}"
                );
            }
        }
    }
}

#[test]
fn every_sample_is_absolute_has_help_and_type_and_stands_once() {
    let page = text(&report(HOSTILE), MetricNames::AndBlackbox);
    let mut families = std::collections::BTreeSet::new();
    let mut samples = std::collections::BTreeSet::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("# HELP ") else {
            panic!("{line}");
        };
        let (name, help) = rest.split_once(' ').unwrap();
        assert!(
            !help.is_empty() && families.insert(name.to_owned()),
            "{line}"
        );
        assert_eq!(lines.next().unwrap(), format!("# TYPE {name} gauge"));
        let mut some = false;
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            some = true;
            let (series, value) = sample.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{sample}");
            assert_eq!(series.split('{').next(), Some(name));
            assert!(samples.insert(series.to_owned()), "twice: {series}");
            assert!(!sample.chars().any(crate::explain::is_harmful), "{sample}");
        }
        assert!(some, "{name} has no sample");
    }
}

#[test]
fn a_target_says_how_it_stands_and_until_when() {
    let page = text(&report("plain"), MetricNames::AndBlackbox);
    let labels = |name: &str| {
        format!(
            "{{target=\"edge.contoso.com:5269\",kind=\"endpoint\",protocol=\"xmpp-server\",address=\"192.0.2.10:5269\",name=\"{name}\"}}"
        )
    };
    let file = "{target=\"/etc/ssl/plain.pem\",kind=\"file\"}";
    let gone = "{target=\"goneplain:5269\",kind=\"endpoint\"}";
    for line in [
        "edgecert_check_last_run_timestamp_seconds 1795176000".to_owned(),
        "edgecert_check_duration_seconds 1.250".to_owned(),
        "edgecert_check_status 2".to_owned(),
        "edgecert_check_targets{status=\"unknown\"} 1".to_owned(),
        "edgecert_check_files_skipped 7".to_owned(),
        "edgecert_check_targets_without_series 0".to_owned(),
        "edgecert_check_findings{code=\"names.missing\",severity=\"error\"} 1".to_owned(),
        format!("edgecert_target_status{} 0", labels("contoso.com")),
        format!("edgecert_target_status{} 2", labels("fabrikam.com")),
        format!("edgecert_target_status{gone} 3"),
        format!("edgecert_probe_success{} 1", labels("contoso.com")),
        format!("edgecert_probe_success{gone} 0"),
        format!("probe_success{gone} 0"),
        // Of two leaves in one file the one that ends first.
        format!("edgecert_certificate_not_after_timestamp_seconds{file} 1794744000"),
        format!(
            "edgecert_certificate_not_after_timestamp_seconds{} 1811592000",
            labels("contoso.com")
        ),
        format!(
            "probe_ssl_earliest_cert_expiry{} 1811592000",
            labels("contoso.com")
        ),
    ] {
        assert!(page.lines().any(|one| one == line), "{line}\n{page}");
    }
    assert!(page.contains("version=\"TLS 1.3\"} 1"), "{page}");
    let own = text(&report("plain"), MetricNames::Own);
    assert!(!own.contains("\nprobe_"), "{own}");
}

#[test]
fn of_too_many_targets_the_worst_have_series_and_the_others_are_counted() {
    let mut many = CheckReport::default();
    for number in 0..MAX_TARGETS + 5 {
        let severity = (number == MAX_TARGETS + 4).then_some(Severity::Error);
        many.push(endpoint(
            &format!("{number}.example:5269"),
            "contoso.com",
            severity,
        ));
    }
    many.without_row = 10;
    let page = text(&many, MetricNames::Own);
    let shown = page.matches("\nedgecert_target_status{").count();
    assert_eq!(shown, MAX_TARGETS);
    assert!(page.contains(&format!("target=\"{}.example:5269\"", MAX_TARGETS + 4)));
    assert!(page.contains("\nedgecert_check_targets_without_series 15\n"));
}
