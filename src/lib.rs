//! `edgecert` looks after the certificates of an XMPP and SIP federation edge, through their whole life.
//!
//! The layout is the pipeline; a certificate walks through the rooms in this order:
//!
//! 1. [`names`] plans who the edge claims to be,
//! 2. [`request`] turns the plan into a key and a CSR,
//! 3. [`import`] turns a CA's reply into a bundle that belongs together,
//! 4. [`verify`] says whether a stranger will believe it,
//! 5. [`assign`] makes it live on the gateways, or puts everything back,
//! 6. [`check`] asks the living servers what they serve, until the next one is due,
//!
//! with [`gateway`] serving what was assigned. Beneath lie [`explain`], [`program`], [`findings`], [`x509`], [`dns`],
//! [`wire`], [`probe`], [`store`], [`servers`], [`federation`] and [`deployment`]; above them [`lab`], a throw-away CA
//! and the demonstration, and [`cli`], the only room that speaks to a person.
//!
//! Who may import whom is a table in `tests/rooms.rs`, and it is kept true there.

pub mod explain;

pub mod program;

pub mod names;

pub mod findings;

pub mod federation;

pub mod deployment;

pub mod x509;

pub mod dns;

pub mod wire;

pub mod probe;

pub mod request;

pub mod import;

pub mod verify;

pub mod store;

pub mod servers;

pub mod assign;

pub mod check;

pub mod gateway;

pub mod lab;

pub mod cli;
