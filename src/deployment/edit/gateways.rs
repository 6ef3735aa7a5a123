//! `[gateway.KIND.NAME]` of a server that reads files: a table that is not there yet.

use super::Draft;
use super::literal::{Literal, key_text};
use super::sheet::path;
use crate::deployment::FileTarget;
use crate::names::Slug;
use std::path::{Path, PathBuf};

/// A table to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGateway {
    /// The kind's word; `kamailio` and `haproxy` call their socket differently.
    pub kind: &'static str,
    /// Its name.
    pub name: Slug,
    /// The certificate that it serves.
    pub certificate: Slug,
    /// Its keys. `timeout`, `outbound` and `others` are for a person to write, and are left out.
    pub settings: FileTarget,
}

impl NewGateway {
    /// The table as it is written into a file that has none of its kind.
    pub fn to_toml(&self) -> String {
        let mut text = format!("[gateway.{}.{}]\n", self.kind, self.name);
        for (key, literal) in self.entries() {
            text.push_str(&format!("{} = {}\n", key_text(key), literal.fresh("\n")));
        }
        text
    }

    fn entries(&self) -> Vec<(&'static str, Literal)> {
        let FileTarget {
            config,
            root,
            control,
            reload,
            timeout: _,
            outbound: _,
            others: _,
            directory,
            file,
            cert_file,
            key_file,
            socket,
            pid_file,
            owner,
            mode,
        } = &self.settings;
        let text = |path: &Path| Literal::Text(path.display().to_string());
        let mut entries = vec![("certificate", Literal::Text(self.certificate.to_string()))];
        let socket_key = match self.kind {
            "kamailio" => "rpc",
            _ => "socket",
        };
        let mut lay = |key: &'static str, path: &Option<PathBuf>| {
            entries.extend(path.as_deref().map(|path| (key, text(path))));
        };
        lay("config", config);
        lay("root", root);
        lay("directory", directory);
        lay("file", file);
        lay("cert-file", cert_file);
        lay("key-file", key_file);
        lay(socket_key, socket);
        lay("pid-file", pid_file);
        for (key, words) in [("control", control), ("reload", reload)] {
            entries.extend(words.as_ref().map(|words| (key, Literal::texts(words))));
        }
        if let Some(owner) = owner {
            entries.push(("owner", Literal::Text(owner.clone())));
        }
        if let Some(mode) = mode {
            entries.push(("mode", Literal::Text(format!("{mode:04o}"))));
        }
        entries
    }
}

impl Draft {
    /// A further gateway, after the last of its kind, else after the last gateway.
    pub fn add_gateway(&mut self, new: &NewGateway) -> &mut Self {
        let own = path(["gateway", new.kind, new.name.as_str()]);
        let done = self.sheet.insert(&own, &new.entries());
        self.note(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::{Deployment, GatewayKind};

    const FILE: &str = "# mine\nversion = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nsip-domains = [\"contoso.com\"]\n\n\
        [certificate.external-edge]\nuses = [\"sip-edge\"]\n\n# the end\n";

    fn gateway(kind: &'static str, settings: FileTarget) -> NewGateway {
        NewGateway {
            kind,
            name: Slug::parse(kind).unwrap(),
            certificate: Slug::parse("external-edge").unwrap(),
            settings,
        }
    }

    #[test]
    fn tables_are_added_and_read_back_as_they_were_meant() {
        let path = |text: &str| Some(PathBuf::from(text));
        let pair = FileTarget {
            cert_file: path("/tls/edge \"1\".pem"),
            key_file: path("/tls/edge.key"),
            ..FileTarget::default()
        };
        let file = FileTarget {
            file: path("/tls/all.pem"),
            control: Some(vec!["ejabberdctl".into(), "--node".into(), "a@b".into()]),
            ..FileTarget::default()
        };
        let all = [
            gateway(
                "prosody",
                FileTarget {
                    directory: path("/etc/prosody/certs"),
                    config: path("/opt/prosody.cfg.lua"),
                    ..FileTarget::default()
                },
            ),
            gateway("ejabberd", file.clone()),
            gateway(
                "kamailio",
                FileTarget {
                    cert_file: path("/k/edge.pem"),
                    key_file: path("/k/edge.key"),
                    socket: path("/run/kamailio/ctl"),
                    ..FileTarget::default()
                },
            ),
            gateway(
                "haproxy",
                FileTarget {
                    file: path("/h/edge.pem"),
                    socket: path("/run/haproxy.sock"),
                    control: None,
                    owner: Some("0:0".into()),
                    mode: Some(0o600),
                    ..FileTarget::default()
                },
            ),
            gateway("nginx", pair),
        ];
        let mut draft = Draft::open(FILE, Path::new("/srv/edgecert.toml")).unwrap();
        let mut told = String::new();
        for one in &all {
            draft.add_gateway(one);
            told.push_str(&one.to_toml());
        }
        let text = draft.finish().unwrap();
        assert!(text.starts_with(&FILE[..FILE.len() - "# the end\n".len()]));
        assert!(text.contains("# the end\n"));
        for line in told.lines() {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let read = Deployment::parse(&text, Path::new("/srv/edgecert.toml")).unwrap();
        assert_eq!(read.gateways.len(), all.len());
        for (gateway, meant) in read.gateways.iter().zip(&all) {
            assert_eq!(gateway.kind.word(), meant.kind);
            assert_eq!(gateway.kind.server(), Some(&meant.settings));
        }
        assert!(matches!(&read.gateways[1].kind, GatewayKind::Ejabberd(one) if *one == file));
    }
}
