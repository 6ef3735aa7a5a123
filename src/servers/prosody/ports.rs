//! Where Prosody listens (`core/portmanager.lua`): ports and interfaces of each service, global settings alone.

use super::Modules;
use super::load::{Loaded, Setting, last};
use super::lua::Value;
use crate::explain::printable;
use crate::names::Protocol;
use crate::servers::{Listening, Remark};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One service that speaks TLS or STARTTLS.
struct Service {
    /// What its settings begin with.
    name: &'static str,
    port: Option<u16>,
    protocol: Protocol,
    /// One of these has to be loaded.
    modules: &'static [&'static str],
}

/// `mod_s2s`, `mod_c2s`, `mod_http` of Prosody 0.12.3.
const SERVICES: [Service; 6] = [
    Service {
        name: "s2s",
        port: Some(5269),
        protocol: Protocol::XmppServer,
        modules: &["s2s"],
    },
    Service {
        name: "s2s_direct_tls",
        port: None,
        protocol: Protocol::XmppsServer,
        modules: &["s2s"],
    },
    Service {
        name: "c2s",
        port: Some(5222),
        protocol: Protocol::Xmpp,
        modules: &["c2s"],
    },
    Service {
        name: "c2s_direct_tls",
        port: None,
        protocol: Protocol::XmppsClient,
        modules: &["c2s"],
    },
    Service {
        name: "legacy_ssl",
        port: None,
        protocol: Protocol::XmppsClient,
        modules: &["c2s"],
    },
    Service {
        name: "https",
        port: Some(5281),
        protocol: Protocol::Tls,
        // Those that need `mod_http`, which is not written but loaded by them.
        modules: &[
            "http",
            "bosh",
            "websocket",
            "http_file_share",
            "http_files",
            "http_openmetrics",
        ],
    },
];

/// Every socket that a service opens.
pub(super) fn listeners(loaded: &mut Loaded, modules: &Modules) -> Vec<Listening> {
    let mut listeners = Vec::new();
    let mut remarks = Vec::new();
    for service in SERVICES {
        if !service.modules.iter().any(|module| modules.loaded(module)) {
            continue;
        }
        let found = of_service(&service, &loaded.global, &mut remarks);
        let starttls = matches!(service.protocol, Protocol::Xmpp | Protocol::XmppServer);
        if !starttls || modules.loaded("tls") {
            listeners.extend(found);
        } else if let Some(place) = found.first().and_then(|listening| listening.place.clone()) {
            remarks.push(Remark {
                place,
                what: "no STARTTLS there: `tls` is not among the modules".to_owned(),
            });
        }
    }
    for section in &loaded.sections {
        for setting in &section.settings {
            if setting.name.ends_with("_ports") || setting.name.ends_with("_interfaces") {
                remarks.push(Remark {
                    place: setting.place.clone(),
                    what: format!(
                        "`{}` has no effect below a host; it counts among the global settings",
                        setting.name
                    ),
                });
            }
        }
    }
    loaded.remarks.extend(remarks);
    listeners
}

fn of_service(service: &Service, global: &[Setting], remarks: &mut Vec<Remark>) -> Vec<Listening> {
    let name = service.name;
    let ports_setting = last(global, &format!("{name}_ports"));
    let ports: Vec<u16> = match ports_setting {
        Some(setting) => elements(&setting.value)
            .into_iter()
            .filter_map(|value| {
                let port = port(value);
                if port.is_none() && *value != Value::Computed {
                    remarks.push(Remark {
                        place: setting.place.clone(),
                        what: format!("`{}` holds something that is no port", setting.name),
                    });
                }
                port
            })
            .collect(),
        None => service.port.into_iter().collect(),
    };
    let interfaces_setting = [
        format!("{name}_interfaces"),
        format!("{name}_interface"),
        "interfaces".to_owned(),
        "interface".to_owned(),
    ]
    .iter()
    .find_map(|name| last(global, name));
    let addresses: Vec<IpAddr> = match interfaces_setting {
        Some(setting) => elements(&setting.value)
            .into_iter()
            .filter_map(|value| {
                let address = address(value);
                if address.is_none() && *value != Value::Computed && !ports.is_empty() {
                    remarks.push(Remark {
                        place: setting.place.clone(),
                        what: format!(
                            "`{}` holds {}, which is no address",
                            setting.name,
                            shown(value)
                        ),
                    });
                }
                address
            })
            .collect(),
        None => default_addresses(global),
    };
    let place = ports_setting
        .or(interfaces_setting)
        .map(|setting| setting.place.clone());
    let mut listeners: Vec<Listening> = Vec::new();
    for address in &addresses {
        for port in &ports {
            let listening = Listening {
                protocol: service.protocol,
                address: SocketAddr::new(*address, *port),
                names: None,
                place: place.clone(),
            };
            if !listeners.contains(&listening) {
                listeners.push(listening);
            }
        }
    }
    listeners
}

fn default_addresses(global: &[Setting]) -> Vec<IpAddr> {
    let off =
        |name: &str| last(global, name).is_some_and(|setting| setting.value == Value::Truth(false));
    let mut addresses = Vec::new();
    if !off("use_ipv4") {
        addresses.push(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    if !off("use_ipv6") {
        addresses.push(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    }
    addresses
}

/// The elements of a list; what is no table is a list of itself.
fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Table(entries) => entries
            .iter()
            .filter(|entry| entry.key.is_none())
            .map(|entry| &entry.value)
            .collect(),
        Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::Nil | Value::Computed => {
            vec![value]
        }
    }
}

/// `tonumber` takes strings of digits too.
fn port(value: &Value) -> Option<u16> {
    let port = match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Truth(_) | Value::Nil | Value::Table(_) | Value::Computed => None,
    };
    port.filter(|port| *port != 0)
}

fn address(value: &Value) -> Option<IpAddr> {
    let Value::Text(text) = value else {
        return None;
    };
    match text.as_str() {
        "*" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "::" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        text => text.parse().ok(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("`{}`", printable(text)),
        Value::Number(number) => format!("`{number}`"),
        Value::Truth(_) | Value::Nil | Value::Table(_) | Value::Computed => "something".to_owned(),
    }
}
