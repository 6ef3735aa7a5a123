//! `[gateway.KIND.NAME]`: the keys of every kind and those of the embedded one, and what may not be said twice.

mod servers;

use super::super::read::{Place, Table, Value};
use super::super::values::{MAX_SOCKET_BYTES, socket_fits};
use super::super::{Embedded, EmbeddedListener, Gateway, GatewayKind, KindWord, Listener};
use super::certificates::read_roots;
use super::federation::negotiation;
use super::{Context, header_name, optional_table};
use crate::explain::{nearest, printable};
use crate::federation::Negotiation;
use crate::names::{Protocol, Slug};
use servers::{COTURN, EJABBERD, HAPROXY, KAMAILIO, NGINX, PROSODY, read_files, read_target};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the gateways read so far have taken.
struct Taken<'c> {
    context: &'c Context,
    certificates: &'c [Slug],
    /// Gateway names, with their kinds.
    names: BTreeMap<Slug, KindWord>,
    /// Files, sockets and folders that only one gateway may have, with the key that has them.
    paths: BTreeMap<PathBuf, String>,
}

impl Taken<'_> {
    /// Notes that a gateway has this path to itself.
    fn claim(&mut self, path: &Path, key: &str, place: &Place<'_, '_>) {
        let path = self.context.base.join(path);
        if let Some(other) = self.paths.get(&path) {
            place.fail(
                format!("{other} has this path already"),
                "give each its own path",
            );
        } else {
            self.paths.insert(path, key.to_owned());
        }
    }
}

/// All gateways in file order, those with mistakes left out.
pub(super) fn gateways(
    root: &Table<'_, '_>,
    context: &Context,
    certificates: &[Slug],
) -> Vec<Gateway> {
    let Some(table) = optional_table(root, "gateway") else {
        return Vec::new();
    };
    let mut taken = Taken {
        context,
        certificates,
        names: BTreeMap::new(),
        paths: BTreeMap::new(),
    };
    let mut tables = Vec::new();
    for kind in table.names() {
        let words = KindWord::ALL.map(KindWord::word);
        let Some(known) = KindWord::from_word(&kind.name) else {
            let mend = match nearest(&kind.name, words) {
                Some(right) => format!("did you mean \"{right}\"?"),
                None => {
                    "write [gateway.KIND.NAME]; other servers are [gateway.files.NAME]".to_owned()
                }
            };
            kind.at.fail_because(
                format!("unknown kind of gateway \"{}\"", printable(&kind.name)),
                format!("known: {}", words.join(", ")),
                mend,
            );
            continue;
        };
        if let Some(names) = kind.value.table() {
            tables.extend(names.names().into_iter().map(|named| (known, named)));
        }
    }
    // Kinds are grouped by the parser; the file's order is that of the names.
    tables.sort_by_key(|(_, named)| named.at.offset());
    let mut gateways = Vec::new();
    for (kind, named) in tables {
        let name = header_name(&named);
        if let Some(name) = &name
            && let Some(other) = taken.names.insert(name.clone(), kind)
        {
            named.at.fail(
                format!(
                    "there is a gateway \"{name}\" of kind {} already",
                    other.word()
                ),
                "gateways are named on the command line without their kind; choose another name",
            );
        }
        if let Some(table) = named.value.table() {
            gateways.extend(read_gateway(kind, name, table, &mut taken));
        }
    }
    gateways
}

fn read_gateway(
    kind: KindWord,
    name: Option<Slug>,
    table: Table<'_, '_>,
    taken: &mut Taken<'_>,
) -> Option<Gateway> {
    let certificates = read_certificates(&table, kind == KindWord::Embedded, taken.certificates);
    let prove = table
        .get("prove")
        .map_or_else(|| Some(Vec::new()), |value| read_prove(&value));
    let kind = match kind {
        KindWord::Embedded => {
            read_embedded(&table, name.as_ref(), taken).map(GatewayKind::Embedded)
        }
        KindWord::Prosody => read_target(&table, PROSODY, taken).map(GatewayKind::Prosody),
        KindWord::Ejabberd => read_target(&table, EJABBERD, taken).map(GatewayKind::Ejabberd),
        KindWord::Kamailio => read_target(&table, KAMAILIO, taken).map(GatewayKind::Kamailio),
        KindWord::Haproxy => read_target(&table, HAPROXY, taken).map(GatewayKind::Haproxy),
        KindWord::Nginx => read_target(&table, NGINX, taken).map(GatewayKind::Nginx),
        KindWord::Coturn => read_target(&table, COTURN, taken).map(GatewayKind::Coturn),
        KindWord::Files => read_files(&table, taken).map(GatewayKind::Files),
    };
    table.finish();
    Some(Gateway {
        name: name?,
        certificates: certificates?,
        prove: prove?,
        kind: kind?,
    })
}

/// One certificate, or for the embedded gateway a list of them.
fn read_certificates(table: &Table<'_, '_>, many: bool, known: &[Slug]) -> Option<Vec<Slug>> {
    let value = table.need("certificate", "\"external-edge\"")?;
    let read = |value: &Value<'_, '_>| {
        let name = value.slug()?;
        if !known.contains(&name) {
            value.unknown_word(name.as_str(), known.iter().map(Slug::as_str));
            return None;
        }
        Some(name)
    };
    if many && !value.is_text() {
        return value.unique_some(read);
    }
    if !value.is_text() {
        value.wrong_type(
            "text",
            "name one certificate; for a second one write a second table with the same config and other files",
        );
        return None;
    }
    read(&value).map(|name| vec![name])
}

fn read_prove(value: &Value<'_, '_>) -> Option<Vec<Listener>> {
    let words = Protocol::ALL.map(|protocol| (protocol.word(), protocol));
    let mut listeners = Vec::new();
    let mut sound = true;
    for element in value.list()? {
        let listener = element.table().and_then(|table| {
            let protocol = table
                .need("protocol", "\"xmpp-server\"")
                .and_then(|value| value.word(&words));
            let address = table
                .need("address", "\"127.0.0.1:5269\"")
                .and_then(|value| value.socket_address());
            let names = table
                .get("names")
                .map(|value| value.unique_some(Value::domain));
            table.finish();
            Some(Listener {
                protocol: protocol?,
                address: address?,
                names: names.map_or(Some(None), |names| names.map(Some))?,
            })
        });
        match listener {
            Some(listener) if listeners.contains(&listener) => {
                element.fail("this listener stands here twice", "write it once");
                sound = false;
            }
            Some(listener) => listeners.push(listener),
            None => sound = false,
        }
    }
    sound.then_some(listeners)
}

fn read_embedded(
    table: &Table<'_, '_>,
    name: Option<&Slug>,
    taken: &mut Taken<'_>,
) -> Option<Embedded> {
    let context = taken.context;
    let socket_value = table.get("socket");
    let directory_value = table.get("directory");
    let others = read_others(table);
    let connection_limit = table
        .get("connection-limit")
        .map_or(Some(1000), |value| value.integer(1..=1_000_000));
    let roots = read_roots(table);
    let listeners = read_listeners(table);
    let name = name?;
    let directory = match &directory_value {
        Some(value) => context.base.join(value.path()?),
        None if context.under_etc => Path::new("/var/lib/edgecert-gateway").join(name.as_str()),
        None => context.base.join("edgecert.gateway").join(name.as_str()),
    };
    let socket = match &socket_value {
        Some(value) => context.base.join(value.socket_path(&context.base)?),
        None if context.under_etc => PathBuf::from(format!("/run/edgecert/{name}.sock")),
        None => directory.join(format!("{name}.sock")),
    };
    let place = place_of(table, socket_value.as_ref(), "socket");
    if !socket_fits(&socket) {
        place.fail_because(
            format!(
                "the path of the control socket has {} bytes: {}",
                socket.as_os_str().len(),
                printable(&socket.display().to_string())
            ),
            format!("the system takes at most {MAX_SOCKET_BYTES}"),
            format!("write socket = \"/run/edgecert/{name}.sock\" or another short path"),
        );
    }
    taken.claim(&socket, &format!("gateway.embedded.{name}.socket"), &place);
    let place = place_of(table, directory_value.as_ref(), "directory");
    taken.claim(
        &directory,
        &format!("gateway.embedded.{name}.directory"),
        &place,
    );
    Some(Embedded {
        socket,
        directory,
        others: others?,
        connection_limit: connection_limit?,
        roots,
        listeners: listeners?,
    })
}

/// `others`: how those are treated who are no partners; left out, they are turned away.
fn read_others(table: &Table<'_, '_>) -> Option<Option<Negotiation>> {
    let Some(value) = table.get("others") else {
        return Some(None);
    };
    let table = value.table()?;
    let negotiation = negotiation(&table);
    table.finish();
    negotiation.map(Some)
}

/// Where a key stands, or would stand.
fn place_of<'s, 't>(
    table: &Table<'s, 't>,
    value: Option<&Value<'s, 't>>,
    key: &str,
) -> Place<'s, 't> {
    value.map_or_else(|| table.place().with_key(key), Value::place)
}

fn read_listeners(table: &Table<'_, '_>) -> Option<Vec<EmbeddedListener>> {
    const EXAMPLE: &str = "[[gateway.embedded.NAME.listener]] with protocol, listen and backend";
    let list = table.need("listener", EXAMPLE)?.list()?;
    if list.is_empty() {
        table
            .place()
            .with_key("listener")
            .fail("the gateway has no listener", format!("write {EXAMPLE}"));
        return None;
    }
    let mut listeners: Vec<EmbeddedListener> = Vec::new();
    let mut sound = true;
    for element in list {
        let Some(table) = element.table() else {
            sound = false;
            continue;
        };
        let protocol = table.need("protocol", "\"xmpp-server\"").and_then(|value| {
            value.word(&[
                ("xmpp-server", Protocol::XmppServer),
                ("xmpps-server", Protocol::XmppsServer),
                ("sips", Protocol::Sips),
                ("tls", Protocol::Tls),
            ])
        });
        let listen_value = table.need("listen", "\"[::]:5269\"");
        let listen = listen_value.as_ref().and_then(Value::socket_address);
        let backend_value = table.need("backend", "\"127.0.0.1:15269\"");
        let backend = backend_value.as_ref().and_then(Value::socket_address);
        let proxy_protocol = table
            .get("proxy-protocol")
            .map_or(Some(false), |value| value.boolean());
        table.finish();
        let (Some(protocol), Some(listen), Some(backend), Some(proxy_protocol)) =
            (protocol, listen, backend, proxy_protocol)
        else {
            sound = false;
            continue;
        };
        if listeners.iter().any(|other| other.listen == listen)
            && let Some(value) = &listen_value
        {
            value.fail(
                format!("two listeners have the address {listen}"),
                "give each listener its own address and port",
            );
        }
        if listen == backend
            && let Some(value) = &backend_value
        {
            value.fail(
                "the listener would forward to itself",
                "write the address of the server behind it",
            );
        }
        listeners.push(EmbeddedListener {
            protocol,
            listen,
            backend,
            proxy_protocol,
        });
    }
    sound.then_some(listeners)
}
