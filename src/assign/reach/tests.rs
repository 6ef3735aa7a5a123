use super::*;
use crate::deployment::Deployment;

fn reached(base: &Path, tables: &str) -> Reach {
    let text = format!(
        "version = 1\n[edge]\nfqdn = \"edge.test\"\nsip-domains = [\"edge.test\"]\n[issuer.public]\nprofile = \"public-dv\"\n[certificate.edge]\nissuer = \"public\"\nuses = [\"sip-edge\"]\n{tables}"
    );
    let deployment = Deployment::parse(&text, &base.join("edgecert.toml")).unwrap();
    reach(&deployment.gateways)
}

fn written(base: &Path, name: &str, text: &str) {
    let path = base.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn capabilities(reach: &Reach) -> Vec<&'static str> {
    let rights = reach.rights.keys();
    rights
        .flat_map(|right| right.capabilities())
        .copied()
        .collect()
}

#[test]
fn embedded_gateways_need_their_socket_alone() {
    let folder = tempfile::tempdir().unwrap();
    let found = reached(
        folder.path(),
        "[gateway.embedded.front]\ncertificate = \"edge\"\nsocket = \"/run/e/front.sock\"\n\
         [[gateway.embedded.front.listener]]\nprotocol = \"tls\"\nlisten = \"127.0.0.1:5061\"\nbackend = \"127.0.0.1:5060\"\n",
    );
    assert_eq!(capabilities(&found), ["DAC_OVERRIDE"]);
    assert!(found.folders.is_empty() && found.opened.is_empty());
    assert!(found.looked_at.contains(Path::new("/run/e/front.sock")));
    assert_eq!(found.remarks, [""; 0]);
}

#[test]
fn files_are_written_where_their_links_lead() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    written(&base, "real/cert.pem", "");
    std::fs::create_dir(base.join("tls")).unwrap();
    std::os::unix::fs::symlink("../real/cert.pem", base.join("tls/cert.pem")).unwrap();
    let table = |name: &str, path: &str| {
        format!("[[gateway.files.mail.destination]]\ncontent = \"{name}\"\npath = \"{path}\"\n")
    };
    let tables = format!(
        "[gateway.files.mail]\ncertificate = \"edge\"\nreload = [\"systemctl\", \"reload\", \"postfix\"]\n{}{}",
        table("fullchain", "tls/cert.pem"),
        table("privkey", "keys/key.pem"),
    );
    let found = reached(&base, &tables);
    assert_eq!(
        found.folders,
        ["real", "keys"].map(|name| base.join(name)).into()
    );
    assert_eq!(capabilities(&found), ["DAC_OVERRIDE", "CHOWN", "FOWNER"]);
    // systemctl asks the service manager, who has all rights.
    assert_eq!(found.remarks, [""; 0]);
    let other = tables.replace("\"systemctl\", \"reload\", \"postfix\"", "\"/srv/notify\"");
    let found = reached(&base, &other);
    assert!(
        found.remarks[0].contains("`/srv/notify` may write"),
        "{found:?}"
    );
}

#[test]
fn each_server_needs_what_its_programs_do() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    written(
        &base,
        "nginx.conf",
        "pid /run/n.pid; http { access_log /var/log/n/a.log; server { listen 443 ssl; } }",
    );
    written(&base, "haproxy.cfg", "global\n");
    written(&base, "turn.conf", "pidfile=\"/run/t.pid\"\n");
    written(&base, "tls.cfg", "[server:default]\n");
    written(&base, "ejabberd.yml", "hosts: [test]\n");
    written(&base, "prosody.cfg.lua", "VirtualHost \"test\"\n");
    let pair = "cert-file = \"tls/c.pem\"\nkey-file = \"tls/k.pem\"\n";
    for (kind, keys, expected, opened) in [
        (
            "prosody",
            "config = \"prosody.cfg.lua\"\ndirectory = \"certs\"\n",
            &["SETUID", "SETGID"][..],
            0,
        ),
        (
            "ejabberd",
            "config = \"ejabberd.yml\"\nfile = \"tls/c.pem\"\n",
            &["SETUID", "SETGID"],
            0,
        ),
        (
            "kamailio",
            &format!("config = \"tls.cfg\"\nrpc = \"/run/k.sock\"\n{pair}"),
            &[],
            0,
        ),
        (
            "haproxy",
            "config = \"haproxy.cfg\"\nfile = \"tls/c.pem\"\nsocket = \"/run/h.sock\"\n",
            &[],
            0,
        ),
        (
            "haproxy",
            "config = \"haproxy.cfg\"\nfile = \"tls/c.pem\"\npid-file = \"/run/h.pid\"\n",
            &["KILL"],
            0,
        ),
        (
            "nginx",
            &format!("config = \"nginx.conf\"\n{pair}"),
            &["NET_BIND_SERVICE"],
            2,
        ),
        (
            "coturn",
            &format!("config = \"turn.conf\"\n{pair}"),
            &["KILL"],
            0,
        ),
    ] {
        let table = format!("[gateway.{kind}.one]\ncertificate = \"edge\"\n{keys}");
        let found = reached(&base, &table);
        let mut all = vec!["DAC_OVERRIDE", "CHOWN", "FOWNER"];
        all.extend(expected);
        assert_eq!(capabilities(&found), all, "{table}");
        assert_eq!(found.opened.len(), opened, "{table}");
        let folder = if kind == "prosody" { "certs" } else { "tls" };
        assert_eq!(found.folders, [base.join(folder)].into(), "{table}");
        assert_eq!(found.config_folders, [base.clone()].into(), "{table}");
        let makes_code = found.rights.contains_key(&Right::MakeCode);
        assert_eq!(makes_code, kind == "haproxy", "{table}");
        assert_eq!(found.remarks, [""; 0], "{table}");
        // A command of its own takes the place of all that.
        let found = reached(
            &base,
            &format!("{table}reload = [\"systemctl\", \"reload\", \"x\"]\n"),
        );
        assert_eq!(
            capabilities(&found),
            ["DAC_OVERRIDE", "CHOWN", "FOWNER"],
            "{table}"
        );
        assert!(found.opened.is_empty(), "{table}");
    }
}

#[test]
fn what_cannot_be_read_or_is_wide_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let found = reached(
        folder.path(),
        "[gateway.nginx.web]\ncertificate = \"edge\"\nconfig = \"none.conf\"\ncert-file = \"/etc/c.pem\"\nkey-file = \"/etc/k.pem\"\n",
    );
    assert!(found.remarks[0].contains("could not be read"), "{found:?}");
    assert!(
        found.remarks[1].contains("a folder of their own"),
        "{found:?}"
    );
    assert_eq!(found.remarks.len(), 2, "the folder is told once: {found:?}");
    let defaults = [NGINX_LOGS, NGINX_PID].map(PathBuf::from);
    assert_eq!(found.opened, defaults.into());
}
