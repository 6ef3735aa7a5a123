//! Gateways whose servers read files: which keys each kind takes, and those of `files`, which knows none.

use super::{Taken, read_others};
use crate::deployment::gateway::PROGRAM_TIME;
use crate::deployment::read::{Table, Value};
use crate::deployment::{Content, Destination, FileTarget, Files, Outbound};

/// What `timeout` may say.
const PROGRAM_SECONDS: std::ops::RangeInclusive<u64> = 1..=3_600;

/// Which keys a file-based server takes besides those that all take: `config`, `root`, `control`, `reload`, `timeout`,
/// `owner` and `mode`.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// `directory`, needed.
    directory: bool,
    /// `file`, needed.
    file: bool,
    /// `cert-file` and `key-file`, both needed.
    pair: bool,
    /// The key of its socket, optional.
    socket: Option<&'static str>,
    /// `pid-file`, optional.
    pid_file: bool,
    /// `outbound` and `others`, optional.
    xmpp: bool,
}

pub(super) const PROSODY: Shape = Shape {
    directory: true,
    file: false,
    pair: false,
    socket: None,
    pid_file: false,
    xmpp: true,
};
pub(super) const EJABBERD: Shape = Shape {
    directory: false,
    file: true,
    ..PROSODY
};
pub(super) const NGINX: Shape = Shape {
    directory: false,
    pair: true,
    pid_file: true,
    xmpp: false,
    ..PROSODY
};
pub(super) const KAMAILIO: Shape = Shape {
    socket: Some("rpc"),
    pid_file: false,
    ..NGINX
};
pub(super) const HAPROXY: Shape = Shape {
    socket: Some("socket"),
    pid_file: true,
    xmpp: false,
    ..EJABBERD
};
pub(super) const COTURN: Shape = NGINX;

pub(super) fn read_target(
    table: &Table<'_, '_>,
    shape: Shape,
    taken: &mut Taken<'_>,
) -> Option<FileTarget> {
    let mut needed = |wanted: bool, key: &'static str, example: &str, own: bool| {
        if !wanted {
            return Some(None);
        }
        let value = table.need(key, example)?;
        let path = taken.context.base.join(value.path()?);
        if own {
            taken.claim(&path, &value.key, &value.place());
        }
        Some(Some(path))
    };
    let directory = needed(
        shape.directory,
        "directory",
        "\"/etc/prosody/certs\"",
        false,
    );
    let file = needed(shape.file, "file", "\"certs/edge.pem\"", true);
    let cert_file = needed(shape.pair, "cert-file", "\"tls/edge.pem\"", true);
    let key_file = needed(shape.pair, "key-file", "\"tls/edge.key\"", true);
    let socket = shape
        .socket
        .and_then(|key| table.get(key))
        .map_or(Some(None), |value| {
            let path = value.socket_path(&taken.context.base)?;
            Some(Some(taken.context.base.join(path)))
        });
    let base = taken.context.base.clone();
    let optional = |wanted: bool, key: &'static str| {
        let value = wanted.then(|| table.get(key)).flatten();
        value.map_or(Some(None), |value| Some(Some(base.join(value.path()?))))
    };
    let pid_file = optional(shape.pid_file, "pid-file");
    let config = optional(true, "config");
    let root = optional(true, "root");
    let command = |key: &'static str| {
        table
            .get(key)
            .map_or(Some(None), |value| value.command().map(Some))
    };
    let control = command("control");
    let reload = command("reload");
    let timeout = table
        .get("timeout")
        .map_or(Some(PROGRAM_TIME), |value| value.duration(PROGRAM_SECONDS));
    let (outbound, others) = match shape.xmpp {
        true => (
            table
                .get("outbound")
                .map_or(Some(None), |value| read_outbound(&value).map(Some)),
            read_others(table),
        ),
        false => (Some(None), Some(None)),
    };
    let owner = table.get("owner").and_then(|value| value.owner());
    let mode = table.get("mode").and_then(|value| value.key_mode());
    Some(FileTarget {
        config: config?,
        root: root?,
        control: control?,
        reload: reload?,
        timeout: timeout?,
        outbound: outbound?,
        others: others?,
        directory: directory?,
        file: file?,
        cert_file: cert_file?,
        key_file: key_file?,
        socket: socket?,
        pid_file: pid_file?,
        owner,
        mode,
    })
}

/// Where we play the partner of an outgoing stream.
fn read_outbound(value: &Value<'_, '_>) -> Option<Outbound> {
    let table = value.table()?;
    let domain = table
        .need("domain", "\"prove.contoso.com\"")
        .and_then(|value| {
            let text = value.text()?;
            // RFC 7622 §3.2: the domain part may be an IP address.
            match text.parse::<std::net::IpAddr>() {
                Ok(_) => Some(text.to_owned()),
                Err(_) => value.domain().map(|domain| domain.to_string()),
            }
        });
    let listen = table
        .need("listen", "\"127.0.0.1:5269\"")
        .and_then(|value| value.socket_address());
    table.finish();
    Some(Outbound {
        domain: domain?,
        listen: listen?,
    })
}

pub(super) fn read_files(table: &Table<'_, '_>, taken: &mut Taken<'_>) -> Option<Files> {
    const EXAMPLE: &str = "[[gateway.files.NAME.destination]] with content and path";
    let reload = table.get("reload").and_then(|value| value.command());
    let timeout = table
        .get("timeout")
        .map_or(Some(PROGRAM_TIME), |value| value.duration(PROGRAM_SECONDS));
    let list = table.need("destination", EXAMPLE)?.list()?;
    if list.is_empty() {
        table
            .place()
            .with_key("destination")
            .fail("the gateway has no destination", format!("write {EXAMPLE}"));
    }
    let mut destinations = Vec::new();
    for element in list {
        let destination = element
            .table()
            .and_then(|table| read_destination(table, taken));
        destinations.extend(destination);
    }
    Some(Files {
        reload,
        timeout: timeout?,
        destinations,
    })
}

fn read_destination(table: Table<'_, '_>, taken: &mut Taken<'_>) -> Option<Destination> {
    let words = [
        Content::Cert,
        Content::Chain,
        Content::Fullchain,
        Content::Privkey,
        Content::Combined,
    ]
    .map(|content| (content.word(), content));
    let content = table
        .need("content", "\"fullchain\"")
        .and_then(|value| value.word(&words));
    let path_value = table.need("path", "\"/etc/postfix/tls/edge.pem\"");
    let path = path_value
        .as_ref()
        .and_then(Value::path)
        .map(|path| taken.context.base.join(path));
    if let (Some(value), Some(path)) = (&path_value, &path) {
        taken.claim(path, &value.key, &value.place());
    }
    let owner = table.get("owner").and_then(|value| value.owner());
    let mode = table.get("mode").and_then(|value| {
        if content.is_some_and(Content::holds_key) {
            value.key_mode()
        } else {
            value.mode()
        }
    });
    table.finish();
    Some(Destination {
        content: content?,
        path: path?,
        owner,
        mode,
    })
}
