//! Flags that would mean nothing are refused, with what to do instead: whoever types one believes that it counts.
//!
//! Two looks: flag against flag, before anything is read; and flag against targets, once they are known. A list changes
//! without its command line, so of a list no more is asked than that a flag which describes targets finds one; limits and
//! the resolver stand for whatever comes.

use super::{CheckArgs, Context, Failure, Format, Item};
use crate::check::{CheckError, Endpoint};
use crate::names::Protocol;
use std::net::IpAddr;
use std::path::Path;

/// Flag against flag.
pub(super) fn together(args: &CheckArgs, context: &Context) -> Result<(), Failure> {
    let again = match (args.serve, args.watch) {
        (Some(_), _) => Some("--serve"),
        (None, Some(_)) => Some("--watch"),
        (None, None) => None,
    };
    let form = match args.format {
        Some(Format::Json) | None => None,
        Some(Format::Table) => Some("table"),
        Some(Format::Nagios) => Some("nagios"),
        Some(Format::Prometheus) => Some("prometheus"),
        Some(Format::Openmetrics) => Some("openmetrics"),
        Some(Format::Html) => Some("html"),
        Some(Format::Junit) => Some("junit"),
    };
    let has_metrics = match args.format() {
        Format::Prometheus | Format::Openmetrics => true,
        Format::Table | Format::Json | Format::Nagios | Format::Html | Format::Junit => {
            args.serve.is_some()
        }
    };
    let refused = |what: String, why: &str, mend: &str| Err(Failure::usage(what, why, mend));
    if let (true, Some(form)) = (context.json(), form) {
        return refused(
            format!("--json and --format {form} cannot be used together"),
            "each is the form of the whole report",
            "choose one of them",
        );
    }
    if context.json() && args.jsonl {
        return refused(
            "--jsonl and --json cannot be used together".to_owned(),
            "one is a document a target, the other one document for all",
            "choose one of them",
        );
    }
    if let (true, Some(again)) = (context.json(), again) {
        let mend = match args.serve {
            Some(_) => "leave --json out and read /metrics, or check with --json from a timer",
            None => "leave --json out, or check with --json from a timer",
        };
        return refused(
            format!("--json does not go with {again}"),
            "a JSON document is one report, and this goes on until a signal comes",
            mend,
        );
    }
    if args.interval.is_some() && args.serve.is_none() {
        return refused(
            "--interval says nothing without --serve".to_owned(),
            "it is how long after one check the next one begins, and this one is the only one",
            match args.watch {
                Some(_) => "leave it out: the time stands after --watch, as in --watch 30s",
                None => "add --serve PORT, or write --watch TIME for a table",
            },
        );
    }
    if args.blackbox_names && !has_metrics {
        return refused(
            "--blackbox-names says nothing here".to_owned(),
            "it names metrics, and none are written",
            "add --format prometheus, --format openmetrics or --serve PORT",
        );
    }
    if let (Some(again), Some(list)) = (again, &args.list)
        && list == Path::new("-")
    {
        return refused(
            format!("--targets - does not go with {again}"),
            "standard input can be read once, and the targets are read before every check",
            "write the list to a file and name it with --targets FILE",
        );
    }
    Ok(())
}

/// An address that `-4` or `-6` leaves out: it was named, so it is not passed over.
pub(super) fn other_family(endpoint: &Endpoint, args: &CheckArgs) -> Option<CheckError> {
    let address = endpoint.host.parse::<IpAddr>().ok()?;
    let flag = match address {
        IpAddr::V4(_) if args.ipv6 => "-6",
        IpAddr::V6(_) if args.ipv4 => "-4",
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    let target = match args.connect {
        Some(_) => format!("--connect {}", endpoint.host),
        None => endpoint.target.clone(),
    };
    Some(CheckError::OtherFamily { target, flag })
}

/// What there is among the targets.
#[derive(Debug, Default)]
struct Among {
    /// `HOST:PORT`, asked as the flags say.
    listeners: Vec<Protocol>,
    /// Those of them that have to be looked up.
    names: usize,
    domains: usize,
    /// What is deployed: its listeners come and go.
    deployed: usize,
}

impl Among {
    fn of(items: &[Item]) -> Self {
        let mut among = Self::default();
        for item in items {
            match item {
                Item::Path(_) => {}
                Item::Domain(..) => among.domains += 1,
                Item::Row(_) => among.deployed += 1,
                Item::Endpoint(endpoint) if endpoint.assigned.is_some() => among.deployed += 1,
                Item::Endpoint(endpoint) => {
                    among.listeners.push(endpoint.protocol);
                    among.names += usize::from(endpoint.host.parse::<IpAddr>().is_err());
                }
            }
        }
        among
    }

    fn has_xmpp(&self) -> bool {
        self.listeners.iter().any(|protocol| match protocol {
            Protocol::Xmpp
            | Protocol::XmppServer
            | Protocol::XmppsClient
            | Protocol::XmppsServer => true,
            Protocol::Sips | Protocol::Tls => false,
        })
    }
}

/// Flag against targets.
pub(super) fn with_targets(args: &CheckArgs, items: &[Item]) -> Result<(), Failure> {
    let among = Among::of(items);
    let refused = |flag: &str, why: &str, mend: &str| {
        Err(Failure::usage(
            format!("{flag} says nothing of these targets"),
            why,
            mend,
        ))
    };
    if args.connect.is_some() && among.domains > 0 {
        return Err(Failure::usage(
            "--connect does not go with a domain",
            "a domain leads to its own targets, and --connect names one place",
            "leave it out, or check HOST:PORT with --xmpphost DOMAIN --connect HOST:PORT",
        ));
    }
    for (flag, given) in [
        ("--protocol", args.protocol.is_some()),
        ("--servername", args.servername.is_some()),
        ("--xmpphost", args.xmpphost.is_some()),
        ("--connect", args.connect.is_some()),
    ] {
        if given && among.listeners.is_empty() {
            let why = match (among.domains, among.deployed) {
                (1.., _) => "a domain is asked for by its own name, as its records say",
                (0, 1..) => "what is deployed is asked as the deployment says",
                (0, 0) => "it says how a listener is asked, and these are files",
            };
            return refused(flag, why, "leave it out, or name a listener as HOST:PORT");
        }
    }
    if let (Some(host), Some(name)) = (&args.xmpphost, &args.servername)
        && host != name
        && !among.has_xmpp()
    {
        return refused(
            "--xmpphost",
            "none of them is asked for XMPP, and --servername says which name is asked for instead",
            "leave it out, or add --protocol xmpp-server (or another of XMPP)",
        );
    }
    if args.present.is_some()
        && among.listeners.is_empty()
        && among.domains == 0
        && among.deployed == 0
    {
        return refused(
            "--present",
            "it is shown to listeners that ask for a certificate, and these are files",
            "leave it out, or name a listener as HOST:PORT",
        );
    }
    if args.list.is_some() {
        return Ok(());
    }
    for (flag, given) in [
        ("-4", args.ipv4),
        ("-6", args.ipv6),
        ("--resolver", args.resolver.is_some()),
    ] {
        if given && among.names == 0 && among.domains == 0 {
            return refused(
                flag,
                "no name is looked up: they are addresses or files",
                "leave it out, or name a host (HOST:PORT) or a domain (xmpp:DOMAIN, sip:DOMAIN)",
            );
        }
    }
    if args.trust_anchor.is_some() && among.domains == 0 {
        return refused(
            "--trust-anchor",
            "DNSSEC is judged of a domain's records, and no domain is checked",
            "leave it out, or check xmpp:DOMAIN or sip:DOMAIN",
        );
    }
    let is_at_rest = among.listeners.is_empty() && among.domains == 0 && among.deployed == 0;
    for (flag, given) in [
        ("--timeout", args.timeout.is_some()),
        ("--jobs", args.jobs.is_some()),
    ] {
        if given && is_at_rest {
            return refused(
                flag,
                "it bounds what is asked over the network, and these are files, read on all cores",
                "leave it out",
            );
        }
    }
    Ok(())
}
