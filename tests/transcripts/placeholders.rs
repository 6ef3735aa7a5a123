//! What differs from run to run, and what stands in its place.

/// The folder of a transcript as it is shown.
pub const HOME: &str = "/srv/edge";

/// Whether two texts are the same but for the width of columns.
pub fn same(left: &str, right: &str) -> bool {
    let lines = |text: &str| text.lines().map(narrow).collect::<Vec<_>>();
    lines(left) == lines(right)
}

/// A line whose gaps between columns are two spaces wide, whatever is at their left.
fn narrow(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let mut narrow = line[..indent].to_owned();
    let mut cells = line[indent..]
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty());
    narrow.extend(cells.next().map(str::to_owned));
    for cell in cells {
        narrow.push_str("  ");
        narrow.push_str(cell);
    }
    narrow
}

/// Puts placeholders where dates, digests, serial numbers, ports, ages, keys and users stand.
pub fn hide(text: &str) -> String {
    let mut hidden = String::new();
    let mut in_pem = false;
    for line in text.lines() {
        if line.starts_with("-----END ") {
            hidden.push_str("[base64]\n");
            in_pem = false;
        }
        if in_pem {
            continue;
        }
        in_pem = line.starts_with("-----BEGIN ");
        hidden.push_str(&hide_in_line(line));
        hidden.push('\n');
    }
    hidden
}

fn hide_in_line(line: &str) -> String {
    let mut hidden = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let after_word = hidden.chars().last().is_some_and(char::is_alphanumeric);
        let (taken, shown) = match found(rest) {
            Some(found) if !after_word => found,
            Some(_) | None => (first.len_utf8(), None),
        };
        match shown {
            Some(placeholder) => hidden.push_str(placeholder),
            None => hidden.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    // The journal: who did it stands after the moment.
    match hidden
        .strip_prefix("[time]  ")
        .and_then(|rest| rest.split_once("  "))
    {
        Some((_, rest)) => format!("[time]  [user]  {rest}"),
        None => hidden,
    }
}

/// What starts here and differs, with its length.
fn found(text: &str) -> Option<(usize, Option<&'static str>)> {
    let rules: [(&str, &'static str); 15] = [
        // `0` a digit, `x` a hexadecimal one, `*` digits, `#` hexadecimal digits, anything else itself.
        ("0000-00-00T00:00:00Z", "[time]"),
        ("0000-00-00 00:00:00 UTC", "[time]"),
        ("0000-00-00", "[date]"),
        ("-*.*", "-[number]"),
        ("sha256:#", "sha256:[hash]"),
        ("xx:xx:xx:x#", "[serial]"),
        ("127.0.0.1:*", "127.0.0.1:[port]"),
        ("* days", "[days] days"),
        ("days_left_min=-*", "days_left_min=-[days]"),
        ("=-*", "=-[days]"),
        ("* ms", "[ms] ms"),
        ("* MiB", "[space] MiB"),
        ("pid *", "pid [pid]"),
        ("xxxxxxxx", "[id]"),
        (HOME, "[path]"),
    ];
    let in_time = [
        ("(now)", "([age])"),
        ("(* second ago)", "([age])"),
        ("(* seconds ago)", "([age])"),
    ];
    rules
        .iter()
        .chain(&in_time)
        .find_map(|(pattern, placeholder)| {
            let length = matched(text, pattern)?;
            let follows = text[length..].chars().next();
            let whole = !follows.is_some_and(|next| next.is_alphanumeric() || next == '_');
            whole.then_some((length, Some(*placeholder)))
        })
}

fn matched(text: &str, pattern: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    for wanted in pattern.bytes() {
        let is_one = |byte: &u8| match wanted {
            b'0' | b'*' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_hexdigit(),
            b'#' => byte.is_ascii_hexdigit() || *byte == b':',
            other => *byte == other,
        };
        let most = if matches!(wanted, b'*' | b'#') {
            bytes.len()
        } else {
            1
        };
        let length = bytes[at..]
            .iter()
            .take(most)
            .take_while(|byte| is_one(byte))
            .count();
        if length == 0 {
            return None;
        }
        at += length;
    }
    Some(at)
}

#[test]
fn what_differs_is_hidden_and_the_rest_is_not() {
    for (line, hidden) in [
        (
            "until 2027-02-19 (in 89 days)",
            "until [date] (in [days] days)",
        ),
        ("request 2026-11-21-1 of edge", "request [date]-1 of edge"),
        ("key sha256:8460a5f1…", "key sha256:[hash]…"),
        ("serial 55:1e:7b:26…, 3 names", "serial [serial]…, 3 names"),
        (
            "on 127.0.0.1:15269 in 12 ms",
            "on 127.0.0.1:[port] in [ms] ms",
        ),
        (
            "2026-11-21 03:02:19 UTC  root  import  edge",
            "[time]  [user]  import  edge",
        ),
        (
            "2026-11-21 (now), 25%, 3 of 25",
            "[date] ([age]), 25%, 3 of 25",
        ),
        (
            "/srv/edge/ca, deadbeef, deadbeefcafe",
            "[path]/ca, [id], deadbeefcafe",
        ),
    ] {
        assert_eq!(hide(line), format!("{hidden}\n"));
    }
    assert!(same("  a   b\n", "  a  b\n") && !same("  a b\n", "  a  b\n") && !same(" a\n", "a\n"));
}
