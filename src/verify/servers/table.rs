//! The table itself: one constant a server, one line a cell, each with its source.
//!
//! To add a server: its word in `federation`, a constant here, vectors in `fixtures/identity`. A path is that of the
//! file in the server's own repository.

use super::{
    Basis, Case, Cell, CommonName, Compared, Eku, Idn, Keys, Offer, Profile, Srv, Uri, Wildcard,
    Xmpp,
};
use crate::federation::Server;

/// How a server reads certificates.
pub fn profile(server: Server) -> Profile {
    match server {
        Server::Prosody012 => PROSODY_012,
        Server::Prosody13 => PROSODY_13,
        Server::Metronome => METRONOME,
        Server::Ejabberd23 => EJABBERD_23,
        Server::Ejabberd2508 => EJABBERD_2508,
        Server::Openfire => OPENFIRE,
        Server::Kamailio => KAMAILIO,
        Server::Lync => LYNC,
    }
}

const fn run<T>(value: T, source: &'static str) -> Cell<T> {
    Cell {
        value,
        basis: Basis::Run,
        source,
    }
}

const fn read<T>(value: T, source: &'static str) -> Cell<T> {
    Cell {
        value,
        basis: Basis::Read,
        source,
    }
}

const fn documented<T>(value: T, source: &'static str) -> Cell<T> {
    Cell {
        value,
        basis: Basis::Documented,
        source,
    }
}

const fn inferred<T>(value: T, source: &'static str) -> Cell<T> {
    Cell {
        value,
        basis: Basis::Inferred,
        source,
    }
}

/// What Prosody and Metronome do with SRVName: service by its bytes, wildcards as in a dNSName.
const LUA_SRV: Srv = Srv::Counted {
    service: Case::Exact,
    clients_too: false,
    wildcards: true,
};

const OPENSSL_SERVER: &str =
    "OpenSSL, X509_PURPOSE_SSL_SERVER: a TLS client's verification asks for it by default";

const PROSODY_012: Profile = Profile {
    server: Server::Prosody012,
    compared: run(Compared::Domain, "util/x509.lua, verify_identity"),
    case: run(
        Case::Ignored,
        "util/x509.lua, compare_dnsname: name:lower()",
    ),
    wildcard: run(
        Wildcard::OneLabel,
        "util/x509.lua, compare_dnsname: host_chopped == rest_name",
    ),
    idn: run(
        Idn::ALabels,
        "util/x509.lua, compare_dnsname: idna_to_ascii(host)",
    ),
    srv: run(
        LUA_SRV,
        "util/x509.lua, compare_srvname: service == asserted_service",
    ),
    xmpp: run(
        Xmpp::No,
        "util/x509.lua, verify_identity: gated on \"_xmpp-server\", and mod_s2s_auth_certs passes \"xmpp-server\"",
    ),
    uri: run(
        Uri::No,
        "util/x509.lua, verify_identity: \"We don't need URIs\"",
    ),
    common_name: run(
        CommonName::WithoutSan,
        "util/x509.lua, verify_identity: had_supported_altnames, then the one common name",
    ),
    most_names: run(None, "util/x509.lua, compare_dnsname: all asserted_names"),
    eku_as_server: read(Eku::ServerAuth, OPENSSL_SERVER),
    eku_as_client: read(
        Eku::ServerAuth,
        "core/certmanager.lua, core_defaults.verifyext: lsec_ignore_purpose",
    ),
    keys: read(Keys::Any, "core/certmanager.lua, core_defaults.ciphers"),
    offer: read(
        Offer::IfAccepted,
        "plugins/mod_saslauth.lua, s2s-stream-features: cert_identity_status == \"valid\"",
    ),
};

const PROSODY_13: Profile = Profile {
    server: Server::Prosody13,
    compared: read(Compared::Domain, "util/x509.lua, verify_identity"),
    case: read(
        Case::Ignored,
        "util/x509.lua, compare_dnsname: name:lower()",
    ),
    wildcard: read(
        Wildcard::OneLabel,
        "util/x509.lua, compare_dnsname: host_chopped == rest_name",
    ),
    idn: read(
        Idn::ALabels,
        "util/x509.lua, compare_dnsname: idna_to_ascii(host)",
    ),
    srv: read(
        LUA_SRV,
        "util/x509.lua, compare_srvname: service == asserted_service",
    ),
    xmpp: read(
        Xmpp::No,
        "util/x509.lua, verify_identity: gated on \"_xmpp-server\", and mod_s2s_auth_certs passes \"xmpp-server\"",
    ),
    uri: read(Uri::No, "util/x509.lua, verify_identity: URIs are not read"),
    common_name: read(
        CommonName::No,
        "util/x509.lua, verify_identity: \"Per [TLS-IDENT] ignore the Common Name\"",
    ),
    most_names: read(None, "util/x509.lua, compare_dnsname: all asserted_names"),
    eku_as_server: read(Eku::ServerAuth, OPENSSL_SERVER),
    eku_as_client: read(
        Eku::ServerAuth,
        "core/certmanager.lua, core_defaults.verifyext: lsec_ignore_purpose",
    ),
    keys: read(Keys::Any, "core/certmanager.lua, core_defaults.ciphers"),
    offer: read(
        Offer::IfAccepted,
        "plugins/mod_saslauth.lua, s2s-stream-features: cert_identity_status == \"valid\"",
    ),
};

const METRONOME: Profile = Profile {
    server: Server::Metronome,
    compared: read(Compared::Domain, "util/x509.lua, verify_identity"),
    case: read(
        Case::Ignored,
        "util/x509.lua, compare_dnsname: name:lower()",
    ),
    wildcard: read(
        Wildcard::OneLabel,
        "util/x509.lua, compare_dnsname: host_chopped == rest_name",
    ),
    idn: read(
        Idn::ALabels,
        "util/x509.lua, compare_dnsname: idna_to_ascii(host)",
    ),
    srv: read(
        LUA_SRV,
        "util/x509.lua, compare_srvname: service == asserted_service",
    ),
    xmpp: read(Xmpp::Nameprep, "util/x509.lua, compare_xmppaddr"),
    uri: read(
        Uri::No,
        "util/x509.lua, verify_identity: \"We don't need URIs\"",
    ),
    common_name: read(
        CommonName::WithoutSan,
        "util/x509.lua, verify_identity: had_supported_altnames, then the one common name",
    ),
    most_names: read(None, "util/x509.lua, compare_dnsname: all asserted_names"),
    eku_as_server: read(Eku::ServerAuth, OPENSSL_SERVER),
    eku_as_client: read(
        Eku::ClientAuth,
        "util/certmanager.lua, default_verifyext: lsec_continue alone, so OpenSSL's X509_PURPOSE_SSL_CLIENT stands",
    ),
    keys: inferred(Keys::Any, "OpenSSL's default ciphers"),
    offer: read(
        Offer::Regardless,
        "plugins/mod_sasl_s2s.lua: offered once any certificate was presented",
    ),
};

const EJABBERD_23: Profile = Profile {
    server: Server::Ejabberd23,
    compared: read(
        Compared::Domain,
        "xmpp, src/xmpp_stream_pkix.erl, verify_server_cert",
    ),
    case: read(
        Case::Exact,
        "xmpp, src/xmpp_stream_pkix.erl, match_domain(Domain, Domain); get_domains_from_san keeps the bytes",
    ),
    wildcard: read(
        Wildcard::OneLabel,
        "xmpp, src/xmpp_stream_pkix.erl, match_domain: [_, Rest]",
    ),
    idn: read(
        Idn::ALabels,
        "xmpp, src/xmpp_stream_pkix.erl, verify_server_cert: idna:utf8_to_ascii(Server)",
    ),
    srv: read(
        Srv::No,
        "xmpp, src/xmpp_stream_pkix.erl, decode_xmpp_addr: any other otherName is an error",
    ),
    xmpp: read(
        Xmpp::AsDnsName,
        "xmpp, src/xmpp_stream_pkix.erl, get_domains_from_san: idna:utf8_to_ascii(Domain), then match_domain",
    ),
    uri: read(
        Uri::No,
        "xmpp, src/xmpp_stream_pkix.erl, get_domains_from_san: (_) -> []",
    ),
    common_name: read(
        CommonName::Always,
        "xmpp, src/xmpp_stream_pkix.erl, get_cert_domains: get_domain_from_subject ++ get_domains_from_san",
    ),
    most_names: read(
        None,
        "xmpp, src/xmpp_stream_pkix.erl, get_domains_from_san: lists:flatmap",
    ),
    eku_as_server: read(Eku::ServerAuth, OPENSSL_SERVER),
    eku_as_client: read(
        Eku::ClientAuth,
        "fast_tls before 1.1.24, c_src/fast_tls.c: OpenSSL's default purpose; peers saw \"unsupported certificate purpose\" (ejabberd issue 4392)",
    ),
    keys: inferred(Keys::Any, "OpenSSL's default ciphers"),
    offer: read(
        Offer::Regardless,
        "ejabberd issue 2030: offered on every stream that is encrypted",
    ),
};

const EJABBERD_2508: Profile = Profile {
    server: Server::Ejabberd2508,
    eku_as_client: read(
        Eku::ServerAuth,
        "fast_tls 1.1.24, c_src/fast_tls.c, OVERRIDE_CERT_PURPOSE: X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER)",
    ),
    ..EJABBERD_23
};

const OPENFIRE: Profile = Profile {
    server: Server::Openfire,
    compared: read(
        Compared::Domain,
        "CertificateManager.java, verifyCertificate (SASLAuthentication.java before 5.2)",
    ),
    case: read(
        Case::Exact,
        "CertificateManager.java, verifyCertificate: hostname.equals(identity)",
    ),
    wildcard: read(
        Wildcard::AnyDepth,
        "CertificateManager.java, verifyCertificate: hostname.endsWith(identity.replace(\"*.\", \".\")), or equal without it",
    ),
    idn: read(
        Idn::AsOnStream,
        "CertificateManager.java, verifyCertificate: hostname is compared as it came",
    ),
    srv: read(
        Srv::Counted {
            service: Case::Ignored,
            clients_too: true,
            wildcards: true,
        },
        "SANCertificateIdentityMapping.java, parseOtherNameDnsSrv: \"_xmpp-server.\" or \"_xmpp-client.\"",
    ),
    xmpp: read(
        Xmpp::Raw,
        "SANCertificateIdentityMapping.java, parseOtherNameXmppAddr",
    ),
    uri: read(
        Uri::Raw,
        "SANCertificateIdentityMapping.java, mapIdentity: case 6",
    ),
    common_name: read(
        CommonName::No,
        "OF-3122: no longer a default mapping since 5.1.0",
    ),
    most_names: read(
        Some(1024),
        "SANCertificateIdentityMapping.java, mapIdentity: OF-3159, limit(1024)",
    ),
    eku_as_server: read(
        Eku::Any,
        "its own PKIX trust manager: no check of the purpose found",
    ),
    eku_as_client: read(
        Eku::Any,
        "its own PKIX trust manager: no check of the purpose found",
    ),
    keys: inferred(Keys::Any, "Java's default ciphers"),
    offer: read(
        Offer::IfAccepted,
        "SASLAuthentication.java, getSASLMechanismsElement: haveTrustedCertificate",
    ),
};

const NOT_COMPARED: &str =
    "src/modules/tls/tls_verify.c: the callback looks at the chain, and no name is compared";

/// Only [`Profile::compared`], the purposes and the keys say something; the rest is what RFC 9525 has.
const KAMAILIO: Profile = Profile {
    server: Server::Kamailio,
    compared: read(Compared::Nothing, NOT_COMPARED),
    case: read(Case::Ignored, NOT_COMPARED),
    wildcard: read(Wildcard::OneLabel, NOT_COMPARED),
    idn: read(Idn::ALabels, NOT_COMPARED),
    srv: read(Srv::No, NOT_COMPARED),
    xmpp: read(Xmpp::No, NOT_COMPARED),
    uri: read(Uri::No, NOT_COMPARED),
    common_name: read(CommonName::No, NOT_COMPARED),
    most_names: read(None, NOT_COMPARED),
    eku_as_server: inferred(Eku::ServerAuth, OPENSSL_SERVER),
    eku_as_client: inferred(
        Eku::ClientAuth,
        "OpenSSL, X509_PURPOSE_SSL_CLIENT: a TLS server's verification asks for it by default",
    ),
    keys: inferred(Keys::Any, "OpenSSL's default ciphers"),
    offer: read(Offer::IfAccepted, "speaks no XMPP"),
};

const LYNC_NAMES: &str = "Lync Server 2013, planning for Edge certificates: a distinct name for every SIP domain, edge and XMPP domain";
const LYNC_WILDCARD: &str =
    "Lync Server 2013, wildcard support: none but for simple URLs behind the reverse proxy";

const LYNC: Profile = Profile {
    server: Server::Lync,
    compared: documented(Compared::SipHost, LYNC_NAMES),
    case: inferred(
        Case::Ignored,
        "Windows compares host names without regard to case",
    ),
    wildcard: documented(Wildcard::Nothing, LYNC_WILDCARD),
    idn: inferred(Idn::ALabels, "Windows compares A-labels"),
    srv: inferred(Srv::No, LYNC_NAMES),
    xmpp: inferred(Xmpp::No, LYNC_NAMES),
    uri: inferred(Uri::No, LYNC_NAMES),
    common_name: documented(
        CommonName::WithoutSan,
        "Lync Server 2010, certificate requirements: peers ignore the subject once there is a subjectAltName",
    ),
    most_names: inferred(None, LYNC_NAMES),
    eku_as_server: inferred(Eku::ServerAuth, "Windows' server authentication policy"),
    eku_as_client: inferred(
        Eku::ClientAuth,
        "mutual TLS without an override of the purpose",
    ),
    keys: inferred(
        Keys::Rsa,
        "its certificate wizard and planning pages know RSA; ECDSA is not known to work everywhere",
    ),
    offer: inferred(Offer::IfAccepted, "XEP-0178"),
};
