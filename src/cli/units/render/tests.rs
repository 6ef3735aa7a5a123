use super::*;

#[test]
fn paths_are_written_as_systemd_reads_them() {
    for (path, expected) in [
        ("/etc/edgecert/edgecert.toml", "/etc/edgecert/edgecert.toml"),
        ("/srv/a b/c", "\"/srv/a b/c\""),
        ("/srv/100%/c", "/srv/100%%/c"),
        ("/srv/%h \"x\"", "\"/srv/%%h \\\"x\\\"\""),
        ("/srv/it's", "\"/srv/it's\""),
        ("/srv/a;b", "\"/srv/a;b\""),
        ("/srv/ä", "/srv/ä"),
        ("/srv/$HOME", "\"/srv/$$HOME\""),
    ] {
        assert_eq!(argument(Path::new(path)).unwrap(), expected, "{path}");
    }
    assert_eq!(quoted(Path::new("/srv/$HOME")).unwrap(), "\"/srv/$HOME\"");
    for path in ["/srv/a\nExecStart=/bin/sh", "/srv/a\\", "/srv/a "] {
        let refused = plain(Path::new(path)).unwrap_err();
        assert_eq!(refused.explanation.code, "units.path", "{path:?}");
    }
}

#[test]
fn only_what_the_service_manager_makes_is_left_to_it() {
    for (path, expected) in [
        ("/var/lib/edgecert", Some("edgecert")),
        (
            "/var/lib/edgecert-gateway/front",
            Some("edgecert-gateway/front"),
        ),
        ("/var/lib", None),
        ("/srv/edgecert", None),
        ("/var/lib/a b", None),
    ] {
        let found = child_of("/var/lib", Path::new(path));
        assert_eq!(found.as_deref(), expected, "{path}");
    }
}

#[test]
fn every_line_that_is_put_in_stands_in_its_template() {
    for (template, keys) in [
        (
            ASSIGN,
            &[
                "ExecStart",
                "ConditionPathExists",
                "CapabilityBoundingSet",
                "ProtectSystem",
            ][..],
        ),
        (
            RENEW,
            &[
                "ExecStart",
                "ExecCondition",
                "CapabilityBoundingSet",
                "ProtectSystem",
            ],
        ),
        (
            GATEWAY,
            &[
                "ExecStart",
                "RuntimeDirectory",
                "StateDirectory",
                "LimitNOFILE=65536",
                "AmbientCapabilities",
            ],
        ),
    ] {
        for key in keys {
            assert!(template.lines().any(|line| line.starts_with(key)), "{key}");
        }
        for line in template.lines().filter(|line| line.starts_with("Exec")) {
            assert!(line.contains(COMMAND), "{line}");
        }
    }
}
