use super::*;

fn read(text: &str) -> Vec<Statement> {
    statements(text, Path::new("x.lua")).unwrap()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn entry(key: Option<&str>, value: Value, line: usize) -> Entry {
    Entry {
        key: key.map(str::to_owned),
        value,
        line,
    }
}

#[test]
fn values_are_read_and_what_only_lua_could_tell_is_computed() {
    for (written, wanted) in [
        ("'x'", text("x")),
        ("[[x]]", text("x")),
        ("-5", Value::Number(-5.0)),
        ("true", Value::Truth(true)),
        ("nil", Value::Nil),
        ("'a' .. 'b'", Value::Computed),
        ("1 + 1", Value::Computed),
        ("-'1'", Value::Computed),
        ("not true", Value::Computed),
        ("#{}", Value::Computed),
        ("ENV_NAME", Value::Computed),
        ("Lua.os.getenv('X') or 'y'", Value::Computed),
        ("('x')", Value::Computed),
        ("('x'):rep(3)", Value::Computed),
        ("function (a) if a then return 1 end end", Value::Computed),
        ("f{ a = 1 }[2].b 'c'", Value::Computed),
        ("{}", Value::Table(Vec::new())),
    ] {
        let wanted = [
            Kind::Set("a".to_owned(), wanted),
            Kind::Set("b".to_owned(), Value::Number(1.0)),
        ];
        for between in ["\n", ";", " "] {
            let kinds: Vec<Kind> = read(&format!("a = {written}{between}b = 1"))
                .into_iter()
                .map(|statement| statement.kind)
                .collect();
            assert_eq!(kinds, wanted, "{written:?} {between:?}");
        }
    }
}

#[test]
fn tables_are_read_with_keys_of_every_form() {
    let statements = read("t = { 'a'; b = 1,\n['c d'] = { 'e' }, [5223] = nil, [x] = 2, }");
    let wanted = vec![
        entry(None, text("a"), 1),
        entry(Some("b"), Value::Number(1.0), 1),
        entry(
            Some("c d"),
            Value::Table(vec![entry(None, text("e"), 2)]),
            2,
        ),
        entry(Some("5223"), Value::Nil, 2),
        entry(Some(""), Value::Number(2.0), 2),
    ];
    assert_eq!(
        statements[0].kind,
        Kind::Set("t".to_owned(), Value::Table(wanted))
    );
}

#[test]
fn hosts_components_and_includes_are_read_in_every_form() {
    let host =
        |name: Option<&str>, component: Option<&str>, settings: Option<Vec<Entry>>| Kind::Host {
            name: name.map(str::to_owned),
            component: component.map(str::to_owned),
            settings,
        };
    let one = || Some(vec![entry(Some("a"), Value::Number(1.0), 1)]);
    for (written, wanted) in [
        (
            "VirtualHost \"x.example\"",
            host(Some("x.example"), None, None),
        ),
        (
            "VirtualHost(\"x.example\")",
            host(Some("x.example"), None, None),
        ),
        ("Host [[x.example]]", host(Some("x.example"), None, None)),
        (
            "VirtualHost \"x.example\" { a = 1 }",
            host(Some("x.example"), None, one()),
        ),
        ("VirtualHost(name)", host(None, None, None)),
        (
            "Component 'y.example'",
            host(Some("y.example"), Some("component"), None),
        ),
        (
            "Component 'y.example' 'muc'",
            host(Some("y.example"), Some("muc"), None),
        ),
        (
            "Component('y.example')('muc')",
            host(Some("y.example"), Some("muc"), None),
        ),
        (
            "Component \"y.example\" \"muc\" { a = 1 }",
            host(Some("y.example"), Some("muc"), one()),
        ),
        (
            "Include \"conf.d/*.cfg.lua\"",
            Kind::Include(Some("conf.d/*.cfg.lua".to_owned())),
        ),
        ("Include(dir .. '/x.lua')", Kind::Include(None)),
    ] {
        assert_eq!(read(written)[0].kind, wanted, "{written}");
        assert_eq!(read(written).len(), 1, "{written}");
    }
}

#[test]
fn what_is_not_followed_is_told_and_skipped_to_its_end() {
    for written in [
        "if os.getenv('X') then s2s_ports = { 1 } elseif y then while z do f() end else z() end",
        "for i = 1, 3 do VirtualHost('x' .. i .. '.example') end",
        "while x do x = nil end",
        "repeat x = 1 until x == 1",
        "do local a = 1 end",
        "local a <const>, b = 'x', { 1 }",
        "local function f() return function() end end",
        "function a.b:c(...) return ... end",
        "print('x', 2)",
        "require 'x'",
        "RunScript \"x.lua\"",
        "table.insert(modules_enabled, 'x')",
        "ssl.certificate = 'x'",
        "a[1] = 2",
        "a, b = 1, 2",
        "(f or g)(1)",
        "::here::",
        "goto here",
    ] {
        let statements = read(&format!("{written}\nlast = 1"));
        assert!(
            matches!(statements[0].kind, Kind::Other(_)),
            "{written}: {statements:?}"
        );
        assert_eq!(statements.len(), 2, "{written}: {statements:?}");
        assert_eq!(
            statements[1].kind,
            Kind::Set("last".to_owned(), Value::Number(1.0)),
            "{written}"
        );
        assert_eq!(statements[1].line, 2);
    }
    assert_eq!(read("return x\nlast = 1").len(), 1);
}

#[test]
fn what_lua_refuses_is_refused_at_its_line() {
    for (written, line) in [
        ("a = {\n'x' 'y' }", 2),
        ("a = {\n'x',", 2),
        ("a =", 1),
        ("a\nb", 1),
        ("\n'x'", 2),
        ("end", 1),
        ("if x then", 1),
        ("VirtualHost", 1),
        ("Include = ", 1),
        ("a = }", 1),
        ("a.1 = 2", 1),
    ] {
        match statements(written, Path::new("x.lua")) {
            Err(ConfigError::Malformed { place, .. }) => assert_eq!(place.line, line, "{written}"),
            other => panic!("{written}: {other:?}"),
        }
    }
}

#[test]
fn brackets_without_end_do_not_exhaust_the_stack() {
    for open in ["{", "(", "f(", "f{", "-{", "a["] {
        let written = format!("a = {}", open.repeat(100_000));
        assert!(statements(&written, Path::new("x.lua")).is_err(), "{open}");
    }
}
