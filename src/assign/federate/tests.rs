use super::*;

/// Prosody without a shell, whose checker is a script; the second time it does `meanwhile` and finds fault.
fn applied(folder: &Path, meanwhile: &str) -> Box<NotKept> {
    let main = folder.join("prosody.cfg.lua");
    std::fs::write(&main, "VirtualHost \"a.example\"\n").unwrap();
    let script = folder.join("check");
    std::fs::write(
        &script,
        format!(
            "cd '{}'\nif [ -e once ]; then\n{meanwhile}\nexit 1\nfi\ntouch once\n",
            folder.display()
        ),
    )
    .unwrap();
    let settings = FileTarget {
        config: Some(main),
        control: Some(vec!["/bin/sh".to_owned(), script.display().to_string()]),
        ..FileTarget::default()
    };
    let server = of_prosody(Slug::parse("chat").unwrap(), &settings, &[]).unwrap();
    assert_eq!(server.planned().files.len(), 2);
    server.apply(&|| false).unwrap_err()
}

#[test]
fn what_somebody_edited_meanwhile_is_not_put_back_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).ok();
    let failure = applied(folder.path(), "echo '-- mine' >> prosody.cfg.lua");
    let Files::Astray(AssignError::ConfigChanged { path, .. }) = &failure.files else {
        panic!("{failure:?}");
    };
    assert!(path.ends_with("prosody.cfg.lua"));
    let main = read("prosody.cfg.lua").unwrap();
    assert!(main.ends_with("-- mine\n"), "{main}");
    // It still includes ours.
    assert!(read("edgecert-partners.cfg.lua").is_some());
}

#[test]
fn what_nobody_touched_goes_back_and_what_stands_as_it_was_is_left() {
    for meanwhile in ["true", "echo 'VirtualHost \"a.example\"' > prosody.cfg.lua"] {
        let folder = tempfile::tempdir().unwrap();
        let failure = applied(folder.path(), meanwhile);
        assert!(matches!(failure.files, Files::PutBack), "{failure:?}");
        let main = std::fs::read_to_string(folder.path().join("prosody.cfg.lua")).unwrap();
        assert_eq!(main, "VirtualHost \"a.example\"\n");
        assert!(!folder.path().join("edgecert-partners.cfg.lua").exists());
        assert!(!folder.path().join(MARK).exists());
    }
}

#[test]
fn nothing_is_undone_in_a_folder_that_was_put_in_the_place_of_the_one_written_to() {
    // Only root follows a way that others could lead elsewhere, and only root can make a link of another user.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("conf");
    std::fs::create_dir(&folder).unwrap();
    let exchange = "mv ../conf ../away && cp -rp ../away ../theirs && ln -s theirs ../conf && chown -h 4711 ../conf";
    let failure = applied(&folder, exchange);
    assert!(
        matches!(
            failure.files,
            Files::Astray(AssignError::Destination { .. })
        ),
        "{failure:?}"
    );
    let read = |name: &str| std::fs::read(top.path().join(name)).unwrap();
    for name in ["prosody.cfg.lua", "edgecert-partners.cfg.lua"] {
        assert_eq!(
            read(&format!("theirs/{name}")),
            read(&format!("away/{name}"))
        );
    }
    let main = String::from_utf8(read("theirs/prosody.cfg.lua")).unwrap();
    assert_ne!(main, "VirtualHost \"a.example\"\n");
}
