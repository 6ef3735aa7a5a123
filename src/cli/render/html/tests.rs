use super::super::samples::{HOSTILE, endpoint, report, taken};
use super::*;
use crate::check::{Holding, TargetKind};
use crate::findings::Severity;
use proptest::prelude::*;

#[test]
fn the_page_loads_nothing_and_runs_only_what_is_ours() {
    let page = check(&report(HOSTILE), &taken());
    for outside in [
        "http:", "https:", "url(", "@import", "src=", "href=", "style=\"", "onclick", "onload",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for (element, number) in [
        ("<script", 1),
        ("<style", 1),
        ("<meta", 6),
        ("<img", 0),
        ("<link", 0),
        ("<iframe", 0),
    ] {
        assert_eq!(page.matches(element).count(), number, "{element}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "it is told, and harmless"
    );
}

#[test]
fn the_digests_of_the_policy_are_those_that_openssl_finds() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    for text in [STYLE, SCRIPT] {
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-binary"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        openssl
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let sum = openssl.wait_with_output().unwrap().stdout;
        assert!(policy().contains(&format!("'sha256-{}'", pem::base64(&sum))));
    }
}

#[test]
fn what_is_filled_in_is_not_filled_again() {
    let filled = fill("<{{a}}|{{b}}|{{c}}>", &[("a", "{{b}}"), ("b", "x")]);
    assert_eq!(filled, "<{{b}}|x|>");
}

#[test]
fn every_part_has_its_words() {
    let page = check(&report("plain"), &taken());
    for words in [
        "<span class=\"word critical\">CRITICAL</span> – 1 of 6 need somebody now",
        "What to mend",
        "<code>names.missing</code>",
        "190 days left",
        "class=\"warn-zone\"",
        ">✓ covered<",
        ">✗ missing<",
        ">? not seen<",
        "7 files hold no certificate.",
        "took 1.2 s",
    ] {
        // The target without a name asked has no place in the matrix.
        if words != ">? not seen<" {
            assert!(page.contains(words), "{words}\n{page}");
        }
    }
    let empty = check(&CheckReport::default(), &taken());
    assert!(!empty.contains("id=\"timeline\"") && empty.contains("nothing to do"));
}

#[test]
fn a_file_tells_of_wanted_names_and_of_those_it_holds_besides() {
    let mut file = endpoint("a.pem", "contoso.com", Some(Severity::Error));
    file.kind = TargetKind::File;
    file.names
        .push(("edge.contoso.com".to_owned(), Holding::Held));
    if let Some(leaf) = &mut file.certificate {
        leaf.sans = vec!["dns:edge.contoso.com".into(), "dns:other.example".into()];
    }
    let mut report = CheckReport::default();
    report.push(file);
    let page = check(&report, &taken());
    let cells: Vec<&str> = [">contoso.com<", ">edge.contoso.com<", ">other.example<"]
        .iter()
        .filter_map(|name| {
            let row = page
                .split("<tr><th scope=\"row\"")
                .skip(1)
                .find(|row| row.contains(name))?;
            row.split("class=\"badge ").nth(1)?.split('<').next()
        })
        .collect();
    assert_eq!(
        cells,
        ["critical\">✗ missing", "ok\">✓ covered", "ok\">✓ covered"]
    );
}

#[test]
fn what_ends_soon_is_not_out_of_date_and_an_ended_intermediate_is_named() {
    use crate::findings::{Code, Finding};
    for (code, place, ends, badge, said) in [
        (
            Code::ValidityEndsSoon,
            "leaf",
            900,
            "critical\">! ends soon",
            "until ",
        ),
        (
            Code::ValidityEndsSoon,
            "intermediate 1",
            9,
            "critical\">! ends soon",
            "intermediate ends 2026-11-29",
        ),
        (
            Code::ValidityExpired,
            "intermediate 1, validity",
            -3,
            "critical\">✗ out of date",
            "intermediate ended 2026-11-17",
        ),
        (
            Code::ValidityExpired,
            "leaf, validity",
            900,
            "critical\">✗ out of date",
            "until ",
        ),
    ] {
        let mut row = endpoint("edge:5269", "contoso.com", None);
        row.chain[0].not_after = taken().now + time::Duration::days(ends);
        let finding = Finding::new(code, place, "what", "why", "mend");
        let mut report = CheckReport::default();
        report.push(row.with_finding(finding.with_severity(Severity::Error)));
        let page = check(&report, &taken());
        assert!(page.contains(badge), "{place}: {page}");
        // In the timeline, the matrix and the list of all targets.
        let times = if said == "until " { 1 } else { 3 };
        let told = page.split("</style>").nth(1).unwrap().matches(said).count();
        assert_eq!(told, times, "{place} {said}");
    }
}

#[test]
fn the_matrix_begins_with_trouble_and_has_no_row_of_nothing() {
    let mut wide = CheckReport::default();
    for number in 10..40 {
        let row = endpoint(
            &format!("{number}.example:5269"),
            &format!("n{number}.example"),
            (number == 39).then_some(Severity::Error),
        );
        wide.push(row);
    }
    let page = check(&wide, &taken());
    let matrix = &page[page.find("class=\"matrix").unwrap()..];
    let matrix = &matrix[..matrix.find("</table>").unwrap()];
    let columns = matrix.matches("scope=\"col\"").count() - 1;
    assert_eq!(matrix.matches("scope=\"row\"").count(), columns);
    assert!(matrix.find("39.example:5269").unwrap() < matrix.find("10.example:5269").unwrap());
}

#[test]
fn of_too_many_rows_the_rest_is_counted() {
    let mut many = CheckReport::default();
    for number in 0..2_100 {
        many.push(endpoint(
            &format!("{number}.example:5269"),
            &format!("n{number}.example"),
            None,
        ));
    }
    many.without_row = 7;
    let page = check(&many, &taken());
    assert_eq!(page.matches("<tr data-place=").count(), 2_000);
    assert!(page.contains("and 107 more targets that are not shown"));
    assert!(page.contains("and 2084 more names"));
    assert!(page.len() < 4 * 1024 * 1024, "{}", page.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_stands_in_a_report_the_page_keeps_its_elements(text in any::<String>(), odd in "[<>&\"'`/=!a-z -]{0,40}") {
        let plain = check(&report("plain"), &taken());
        let elements = |page: &str| page.matches('<').count();
        // Findings whose words become alike are told together: those of one report do not.
        let page = check(&report(&format!("x{text}{odd}")), &taken());
        prop_assert_eq!(elements(&page), elements(&plain));
        prop_assert!(!page.chars().any(|c| c != '\n' && crate::explain::is_harmful(c)));
    }
}
