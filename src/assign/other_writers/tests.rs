use super::*;

#[test]
fn lines_name_a_file_or_its_folder_and_no_other() {
    let path = "/etc/prosody/certs/a.test.crt";
    for (line, named) in [
        ("Le_RealFullChainPath='/etc/prosody/certs/a.test.crt'", true),
        ("cp fullchain.pem /etc/prosody/certs/", true),
        ("install -m 640 x \"/etc/prosody/certs\"", true),
        ("cp x /etc/prosody/certs/a.test.crt; reload", true),
        ("cp x /etc/prosody/certs/a.test.crt.old", false),
        ("cp x /etc/prosody/certs/b.test.crt", false),
        ("cp x /srv/etc/prosody/certs/a.test.crt", false),
        ("systemctl reload prosody", false),
    ] {
        assert_eq!(names(line, path), named, "{line}");
    }
    assert!(!names("cd /etc", "/etc/turn.pem"));
}

/// Files below a root, and the tools that are told for one of them.
fn told(files: &[(&str, &str)], kind: &str, watched: &str) -> Vec<(String, String)> {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(
            path,
            text.replace("@ROOT@", &root.path().display().to_string()),
        )
        .unwrap();
    }
    let file = root.path().join(watched.trim_start_matches('/'));
    let found = other_writers(&Watched {
        whose: "gateway \"chat\"",
        kind,
        root: root.path(),
        files: &[file],
        names: &[],
    });
    found.into_iter().map(|one| (one.what, one.why)).collect()
}

#[test]
fn tools_are_told_by_what_they_keep_on_the_machine() {
    let file = "/etc/prosody/certs/a.test.crt";
    for (files, kind, tool) in [
        (
            &[(
                "/etc/letsencrypt/renewal/a.test.conf",
                "[renewalparams]\nrenew_hook = cp /x /etc/prosody/certs/a.test.crt\n",
            )][..],
            "prosody",
            Some("certbot"),
        ),
        (
            &[
                ("/etc/letsencrypt/renewal/a.test.conf", "[renewalparams]\n"),
                (
                    "/etc/letsencrypt/renewal-hooks/deploy/p.sh",
                    "#!/bin/sh\nprosodyctl --root cert import /etc/letsencrypt/live\n",
                ),
            ],
            "prosody",
            Some("certbot"),
        ),
        (
            &[
                (
                    "/etc/letsencrypt/renewal/a.test.conf",
                    "renew_hook = /usr/local/bin/copy now\n",
                ),
                (
                    "/usr/local/bin/copy",
                    "# /etc/prosody/certs\ncp a /etc/prosody/certs/\n",
                ),
            ],
            "prosody",
            Some("certbot"),
        ),
        (
            &[(
                "/root/.acme.sh/a.test_ecc/a.test.conf",
                "Le_RealFullChainPath='/etc/prosody/certs/a.test.crt'\n",
            )],
            "nginx",
            Some("acme.sh"),
        ),
        (
            &[
                (
                    "/etc/dehydrated/config",
                    "#HOOK=/x\nHOOK=\"/etc/dehydrated/hook.sh\"\n",
                ),
                (
                    "/etc/dehydrated/hook.sh",
                    "cp $4 /etc/prosody/certs/a.test.crt\n",
                ),
            ],
            "nginx",
            Some("dehydrated"),
        ),
        (
            &[("/etc/prosody/certs/a.test.crt.bkp~2026-03-02T04:00:00", "")],
            "prosody",
            Some("prosodyctl cert import"),
        ),
        // None of these touches the file.
        (
            &[(
                "/etc/letsencrypt/renewal/a.test.conf",
                "fullchain = /etc/letsencrypt/live/a.test/fullchain.pem\nrenew_hook = systemctl reload nginx\n",
            )],
            "prosody",
            None,
        ),
        (
            // Without anything to renew, certbot runs no hook.
            &[(
                "/etc/letsencrypt/renewal-hooks/deploy/p.sh",
                "cp a /etc/prosody/certs/\n",
            )],
            "prosody",
            None,
        ),
        (
            &[("/etc/prosody/certs/a.test.crt.bkp~2026-03-02T04:00:00", "")],
            "nginx",
            None,
        ),
    ] {
        let told = told(files, kind, file);
        let tools: Vec<&str> = told
            .iter()
            .map(|(what, _)| what.trim_end_matches(" cares for this file as well"))
            .collect();
        assert_eq!(tools, Vec::from_iter(tool), "{files:?}: {told:?}");
    }
}

#[test]
fn a_file_that_leads_into_a_tools_folder_is_that_tools() {
    let root = tempfile::tempdir().unwrap();
    let live = root.path().join("etc/letsencrypt/archive/a.test");
    std::fs::create_dir_all(&live).unwrap();
    std::fs::write(live.join("fullchain1.pem"), "").unwrap();
    let link = root.path().join("a.crt");
    std::os::unix::fs::symlink(live.join("fullchain1.pem"), &link).unwrap();
    let found = other_writers(&Watched {
        whose: "nginx",
        kind: "nginx",
        root: Path::new("/"),
        files: &[link],
        names: &[],
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].what.starts_with("certbot"), "{found:?}");
    assert!(found[0].why.contains("leads to"), "{found:?}");
}
