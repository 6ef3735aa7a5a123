//! Every code with its severity, citation and meaning. A code is stable for ever; `docs/findings.md` explains each.

use super::Severity;

/// Declares the catalogue: one row a code.
macro_rules! catalogue {
    ($($variant:ident, $code:literal, $severity:ident, $cite:literal, $meaning:literal;)+) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)+
        }

        impl Code {
            /// All codes, in catalogue order.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $code,)+ }
            }

            /// The severity it has unless a room says otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)+ }
            }

            /// The standard or document behind it.
            pub fn cite(self) -> &'static str {
                match self { $(Code::$variant => $cite,)+ }
            }

            /// What it means, one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning,)+ }
            }
        }
    };
}

catalogue! {
    // chain
    ChainNoPath, "chain.no-path", Error, "RFC 5280 §6.1", "No path leads from the leaf to a trusted root.";
    ChainIntermediateMissing, "chain.intermediate-missing", Error, "RFC 5246 §7.4.2", "An intermediate that peers need is not sent.";
    ChainUntrustedRoot, "chain.untrusted-root", Error, "RFC 5280 §6.1.1", "The chain is complete but ends in a root that is not trusted here.";
    ChainSelfSigned, "chain.self-signed", Error, "RFC 5280 §6.1", "The leaf is signed by its own key and is no trust anchor.";
    ChainMisordered, "chain.misordered", Warning, "RFC 5246 §7.4.2", "The certificates are not in the order in which each certifies the one before it.";
    ChainRootSent, "chain.root-sent", Note, "RFC 8446 §4.4.2", "The root stands in the chain; peers have it or will not trust it.";
    ChainStranger, "chain.stranger", Warning, "RFC 5246 §7.4.2", "A certificate in the chain certifies none of the others.";
    ChainNotACa, "chain.not-a-ca", Error, "RFC 5280 §4.2.1.9", "An issuer in the chain may not sign certificates.";
    ChainPathLength, "chain.path-length", Error, "RFC 5280 §4.2.1.9", "The chain is longer than an issuer in it allows.";
    ChainNameConstraint, "chain.name-constraint", Error, "RFC 5280 §4.2.1.10", "A name lies outside what an issuer in the chain may certify.";
    ChainBadSignature, "chain.bad-signature", Error, "RFC 5280 §6.1.3", "A signature in the chain does not verify.";
    ChainCriticalExtension, "chain.critical-extension", Error, "RFC 5280 §4.2", "A critical extension is one that peers do not know.";
    ChainRootChanged, "chain.root-changed", Warning, "RFC 5280 §6.1.1", "The certificate leads to another root than the generation before, which partners may not trust.";
    ChainIntermediateChanged, "chain.intermediate-changed", Note, "RFC 5280 §3.2", "The certificate comes from another intermediate than the generation before.";
    ChainPolicy, "chain.policy", Error, "RFC 5280 §6.1", "An issuer requires a certificate policy that is not valid along the path.";
    ChainReadingsDiffer, "chain.readings-differ", Note, "RFC 5280 §6.1", "RFC 5280 lets the chain stand, and TLS libraries refuse it.";
    ChainRootsDiffer, "chain.roots-differ", Warning, "RFC 5280 §6.1.1", "A set of roots that was compared does not trust the chain.";
    // revocation
    RevocationRevoked, "revocation.revoked", Error, "RFC 5280 §6.3", "A certificate in the chain was revoked.";
    RevocationListUnusable, "revocation.list-unusable", Warning, "RFC 5280 §5", "A revocation list that was given cannot be used.";
    RevocationUnknown, "revocation.unknown", Note, "RFC 5280 §6.3", "No usable revocation list of an issuer was given.";
    // validity
    ValidityExpired, "validity.expired", Error, "RFC 5280 §4.1.2.5", "The certificate has ended.";
    ValidityNotYet, "validity.not-yet", Error, "RFC 5280 §4.1.2.5", "The certificate is not valid yet.";
    ValidityFresh, "validity.fresh", Warning, "RFC 5280 §4.1.2.5", "The certificate became valid less than an hour ago; a partner whose clock is behind will refuse it.";
    ValidityEndsSoon, "validity.ends-soon", Warning, "RFC 5280 §4.1.2.5", "Little of the certificate's life is left.";
    ValidityIssuerEndsFirst, "validity.issuer-ends-first", Warning, "RFC 5280 §6.1.3", "An issuer in the chain ends before the leaf does.";
    ValidityTooLong, "validity.too-long", Error, "BR 6.3.2", "The certificate lives longer than public CAs may issue at its date.";
    // names
    NamesMissing, "names.missing", Error, "RFC 9525 §6", "A wanted name is not in the certificate.";
    NamesNoSan, "names.no-san", Error, "RFC 9525 §6.1", "The certificate has no subjectAltName; peers do not read the common name.";
    NamesSrvIdMissing, "names.srv-id-missing", Note, "RFC 6120 §13.7.1.2", "An SRV-ID was planned and is not in the certificate.";
    NamesXmppAddrMissing, "names.xmpp-addr-missing", Note, "RFC 6120 §13.7.1.4", "An XmppAddr was planned and is not in the certificate.";
    NamesWildcardForSip, "names.wildcard-for-sip", Error, "RFC 5922 §7.2", "A SIP name is covered by a wildcard alone, which SIP peers do not accept.";
    NamesSipUriIncomplete, "names.sip-uri-incomplete", Warning, "RFC 5922 §7.1", "A sip URI stands for some SIP domains only; strict peers then ignore the DNS names of the others.";
    NamesUppercase, "names.uppercase", Warning, "RFC 9525 §6.3", "A DNS name holds upper-case letters, which some servers compare byte by byte.";
    NamesMalformed, "names.malformed", Error, "RFC 5280 §4.2.1.6", "A subjectAltName entry is malformed.";
    NamesSurplus, "names.surplus", Note, "RFC 9525 §7.4", "The certificate holds names that were not planned.";
    NamesCommonName, "names.common-name", Note, "BR 7.1.4.3", "The common name is not one of the subjectAltName entries, letter for letter.";
    NamesPrivate, "names.private", Warning, "BR 4.2.2", "A name is internal, or an address reserved, so no public CA can vouch for it.";
    NamesSrvTargetOnly, "names.srv-target-only", Error, "RFC 6120 §13.7.2.1", "The certificate names the host that SRV records lead to, and none of the domains it serves.";
    // usage
    UsageNoServerAuth, "usage.no-server-auth", Error, "RFC 5280 §4.2.1.12", "The extended key usage does not let the certificate serve TLS.";
    UsageNoClientAuth, "usage.no-client-auth", Note, "XEP-0178", "The certificate is not for TLS clients; some peers will not take it as proof for outgoing streams.";
    UsagePartnerFails, "usage.partner-fails", Error, "XEP-0178", "With a partner of the deployment no stream will come about.";
    UsagePartnerDialback, "usage.partner-dialback", Warning, "XEP-0178", "A partner of the deployment will not take the certificate as proof, and falls back to dialback.";
    UsagePartnerRoots, "usage.partner-roots", Warning, "RFC 5280 §6.1.1", "The roots that are named for a partner cannot be read, so nothing is said of its trust.";
    UsageNoDigitalSignature, "usage.no-digital-signature", Error, "RFC 8446 §4.4.2.2", "The key usage lacks digitalSignature, which TLS needs.";
    UsageKeyUsage, "usage.key-usage", Note, "BR 7.1.2.7.11", "The key usage allows what a key of this kind cannot do.";
    UsageLeafIsCa, "usage.leaf-is-ca", Error, "RFC 6120 §13.7.1.1", "The leaf is a CA certificate.";
    // key and signature
    KeyWeak, "key.weak", Error, "BR 6.1.5", "The key is too small or of a kind that peers do not accept.";
    KeyUncommon, "key.uncommon", Warning, "BR 6.1.5", "The key is of a kind that not all peers accept.";
    KeyKnownBad, "key.known-bad", Error, "BR 6.1.1.3", "The key was made by a faulty generator, and its private half can be computed.";
    KeyMismatch, "key.mismatch", Error, "RFC 8446 §4.4.3", "The private key does not belong to the certificate.";
    SignatureWeak, "signature.weak", Error, "RFC 9155", "The certificate is signed with a hash that peers refuse.";
    // form
    FormVersion, "form.version", Error, "RFC 5280 §4.1.2.1", "The certificate is not X.509 version 3.";
    FormSerial, "form.serial", Warning, "RFC 5280 §4.1.2.2", "The serial number is zero, negative, or longer than 20 bytes.";
    FormMalformed, "form.malformed", Error, "RFC 5280 §4.1", "The file or an extension in it cannot be parsed.";
    FormEmptySubject, "form.empty-subject", Note, "RFC 6120 §13.7.1.1", "The subject is empty, as public CAs issue it today.";
    FormExtension, "form.extension", Note, "RFC 5280 §4.2", "An extension stands where it must not, or contradicts another.";
    FormCriticality, "form.criticality", Note, "RFC 5280 §4.2", "An extension is critical where it must not be, or is not where it must.";
    FormKeyIdentifier, "form.key-identifier", Note, "RFC 5280 §4.2.1.1", "A key identifier that links a certificate to its issuer is missing or of a wrong form.";
    FormMustStaple, "form.must-staple", Warning, "RFC 7633", "The certificate demands a stapled OCSP response, which XMPP and SIP servers do not send.";
    FormSubjectField, "form.subject-field", Note, "BR 7.1.2.7", "The subject holds a field that public CAs may not issue.";
    FormCommonNameLong, "form.common-name-long", Warning, "RFC 5280 appendix A.1", "The common name is longer than 64 characters.";
    FormEmptyIssuer, "form.empty-issuer", Error, "RFC 5280 §4.1.2.4", "The issuer's name is empty.";
    // granted against asked
    GrantedNameLost, "granted.name-lost", Error, "RFC 2986", "A name that was asked for was not granted.";
    GrantedNameDropped, "granted.name-dropped", Warning, "BR 7.1.2.7.12", "A name of a form that the issuer does not put in certificates was not granted.";
    GrantedNameAdded, "granted.name-added", Note, "RFC 2986", "The certificate holds a name that was not asked for.";
    GrantedUsageLost, "granted.usage-lost", Warning, "RFC 5280 §4.2.1.12", "A key purpose that was asked for was not granted.";
    GrantedUsageAdded, "granted.usage-added", Note, "RFC 5280 §4.2.1.12", "The certificate holds a key purpose that was not asked for.";
    GrantedOldKey, "granted.old-key", Warning, "docs/import.md", "The reply holds the key of an earlier request, while a later one waits.";
    GrantedLifeShorter, "granted.life-shorter", Note, "BR 6.3.2", "The certificate has a shorter life than the generation before.";
    // live
    LiveUnreachable, "live.unreachable", Error, "docs/findings.md", "Nothing answers at the address.";
    LiveNoTls, "live.no-tls", Error, "RFC 7590 §3", "The peer answers but TLS does not come up.";
    LiveOtherLeaf, "live.other-leaf", Error, "docs/findings.md", "The address serves another leaf than the one assigned.";
    LiveCompromisedKey, "live.compromised-key", Error, "docs/findings.md", "A gateway serves a certificate whose key is barred.";
    LiveInside, "live.inside", Note, "RFC 6120 §4", "TLS comes up, but the service inside does not answer as it should.";
    LiveNothingAssigned, "live.nothing-assigned", Warning, "docs/findings.md", "A gateway has nothing assigned to it.";
    LiveStagingOverdue, "live.staging-overdue", Warning, "docs/findings.md", "A staged generation's time has come, and it was not assigned.";
    LiveKeyChanges, "live.key-changes", Note, "RFC 7673 §4.2", "The key that is served changes, and with it what TLSA records and POSH files have to hold.";
    LiveSessions, "live.sessions", Note, "RFC 6120 §13.7.2.3", "Connections that were there before an assignment keep the certificate that they began with.";
    LiveLink, "live.link", Error, "docs/findings.md", "live/CERT in the state does not lead to the generation that is assigned.";
    LiveAlpnNeeded, "live.alpn-needed", Note, "XEP-0368 §3", "Direct TLS answers differently with ALPN and without it.";
    LiveSniNeeded, "live.sni-needed", Note, "RFC 6066 §3", "What is served depends on the name that the peer sends as SNI.";
    LiveLeafDiffers, "live.leaf-differs", Warning, "RFC 6120 §13.7", "Places that answer for one name serve different leaves.";
    DnsNoService, "dns.no-service", Error, "RFC 6120 §3.2", "A domain's service cannot be found through DNS.";
    DnsTargetAlias, "dns.target-alias", Warning, "RFC 2782", "The target of an SRV record is a CNAME.";
    DnsTargetNoAddress, "dns.target-no-address", Error, "RFC 2782", "The target of an SRV record has no address.";
    DnsTargetNoPort, "dns.target-no-port", Error, "RFC 2782", "An SRV record names port 0.";
    DnsTargetsLeftOut, "dns.targets-left-out", Warning, "RFC 2782", "A domain has more SRV targets than are asked.";
    DnsBogus, "dns.bogus", Error, "RFC 4033 §5", "An answer ought to be signed, and its signatures do not hold.";
    CheckUnreadable, "check.unreadable", Warning, "docs/findings.md", "A target could not be looked at, so nothing is known of it.";
    // what the DNS says
    DnsRecordMissing, "dns.record-missing", Error, "RFC 6120 §3.2.1", "A record that the edge needs is not published.";
    DnsPortDiffers, "dns.port-differs", Error, "RFC 2782", "An SRV record leads to the right host and another port.";
    DnsTargetDiffers, "dns.target-differs", Warning, "RFC 2782", "An SRV record leads to another host than the edge.";
    DnsServiceDenied, "dns.service-denied", Error, "RFC 2782", "An SRV record with the target \".\" says that a service of the edge is not there.";
    DnsCaaForbids, "dns.caa-forbids", Error, "RFC 8659 §4", "CAA does not let the issuer issue, so it will refuse.";
    DnsTlsaStale, "dns.tlsa-stale", Error, "RFC 7673 §4.2", "TLSA records are published and do not name the key that is served.";
    DnsTlsaMissing, "dns.tlsa-missing", Warning, "RFC 7673 §4.2", "TLSA records are published and do not name the next key.";
    DnsTlsaUnsigned, "dns.tlsa-unsigned", Warning, "RFC 6698 §4.1", "TLSA records are published in a zone without DNSSEC, so no peer may believe them.";
    RequestWaiting, "request.waiting", Warning, "docs/findings.md", "A request has waited long for its reply.";
    RequestRenewalLate, "request.renewal-late", Warning, "docs/findings.md", "The renewal should have begun by the issuer's rhythm, and nothing was asked for.";
    RequestExampleName, "request.example-name", Warning, "RFC 2606 §3", "A name that is asked for is kept for examples and tests; no public CA can vouch for it.";
    RequestFieldLeftOut, "request.field-left-out", Note, "BR 7.1.2.7", "A field of the subject is not asked for, as the issuer does not take it.";
    RequestNameLeftOut, "request.name-left-out", Note, "BR 7.1.2.7.12", "Names are not asked for, as the issuer does not put their form in certificates.";
    RequestKeyRefused, "request.key-refused", Warning, "BR 6.1.5", "The issuer does not take keys of this type.";
    RequestKeyKept, "request.key-kept", Note, "docs/findings.md", "The key that is used again is of another type than the one asked for.";
    RequestClientAuthPublic, "request.client-auth-public", Warning, "BR 7.1.2.7.10", "Client authentication is asked of a public CA, which grants it no longer.";
    RequestSipUriIncomplete, "request.sip-uri-incomplete", Warning, "RFC 5922 §7.1", "The sip URIs that are asked for stand for some SIP names only; strict peers ignore the DNS names of the others.";
    RequestSipReading, "request.sip-reading", Note, "RFC 5922 §7.1", "Strict and common SIP peers will read the names of this request differently.";
    RequestIssuerNote, "request.issuer-note", Note, "docs/profiles.md", "There is something to know about the issuer.";
    // a server before an assignment: what must not be so
    GatewayDestinationChanged, "gateway.destination-changed", Error, "docs/gateways.md", "A file that is to be written is not what was last written there.";
    GatewayConfigNeeded, "gateway.config-needed", Error, "docs/gateways.md", "The server's configuration needs a line before it can serve a name or the files.";
    GatewayFileNotUsed, "gateway.file-not-used", Error, "docs/gateways.md", "The server's configuration names other files than those that are to be written.";
    GatewayNeighbourBroken, "gateway.neighbour-broken", Error, "docs/gateways.md", "Another file that the server reads along is broken and would harm the reload.";
    GatewayNeighbourRival, "gateway.neighbour-rival", Error, "docs/gateways.md", "Another certificate for the same name lies where the server would choose it.";
    GatewayNameNotServed, "gateway.name-not-served", Warning, "docs/gateways.md", "The deployment has a domain that the server does not answer for.";
    GatewayHostNotCovered, "gateway.host-not-covered", Warning, "docs/gateways.md", "The server answers for a name that no certificate of the deployment covers.";
    GatewayNotProved, "gateway.not-proved", Warning, "docs/gateways.md", "No listener of the gateway is known, so nothing can be proved there.";
    GatewayPairNotAtOnce, "gateway.pair-not-at-once", Warning, "docs/gateways.md", "The server reads certificate and key at each handshake, so the two files do not change in one step.";
    GatewayMemoryLow, "gateway.memory-low", Warning, "docs/gateways.md", "A server has little of the memory left that each reload of its certificates keeps.";
    GatewayPairReplaced, "gateway.pair-replaced", Note, "docs/gateways.md", "Files of a server that this state did not write were replaced, and are kept.";
    GatewayOtherWriter, "gateway.other-writer", Warning, "docs/gateways.md", "Another tool cares for the certificate files of a server.";
    GatewayRemark, "gateway.remark", Note, "docs/gateways.md", "A part of the server's configuration was not understood.";
    // the surroundings: what `doctor` and `log` find
    DoctorDeployment, "doctor.deployment", Error, "docs/findings.md", "The deployment file cannot be read or holds mistakes.";
    DoctorNoDeployment, "doctor.no-deployment", Warning, "docs/findings.md", "There is no deployment file.";
    DoctorNoState, "doctor.no-state", Note, "docs/findings.md", "There is no state folder yet.";
    DoctorState, "doctor.state", Error, "docs/findings.md", "The state folder cannot be used.";
    DoctorStateDamaged, "doctor.state-damaged", Error, "docs/findings.md", "A part of the state is missing or cannot be understood.";
    DoctorStateMode, "doctor.state-mode", Error, "docs/findings.md", "Others than the owner can reach a part of the state.";
    DoctorStateLeftover, "doctor.state-leftover", Note, "docs/findings.md", "A killed command left something in the state, which the next one puts in order.";
    DoctorUnfinished, "doctor.unfinished", Warning, "docs/findings.md", "An assignment was begun and not ended.";
    DoctorLive, "doctor.live", Error, "docs/findings.md", "What live/ points to is not what was assigned.";
    DoctorJournalBroken, "doctor.journal-broken", Error, "docs/findings.md", "The chain of the journal breaks.";
    DoctorJournalTorn, "doctor.journal-torn", Warning, "docs/findings.md", "The last line of the journal is not whole.";
    DoctorClockStep, "doctor.clock-step", Warning, "docs/findings.md", "The clock was or is behind the journal.";
    DoctorSpace, "doctor.space", Warning, "docs/findings.md", "Little space is left where the state lies.";
    DoctorPassphrase, "doctor.passphrase", Error, "docs/findings.md", "The passphrase of stored keys cannot be read safely.";
    DoctorRoots, "doctor.roots", Error, "RFC 5280 §6.1.1", "Trust anchors that the deployment names cannot be read.";
    DoctorGatewayDown, "doctor.gateway-down", Warning, "docs/findings.md", "An embedded gateway does not answer on its control socket.";
    DoctorGatewayNotAsked, "doctor.gateway-not-asked", Warning, "docs/findings.md", "This user may not ask an embedded gateway.";
    DoctorSocket, "doctor.socket", Error, "docs/findings.md", "A control socket can be reached by others, or is something else.";
    DoctorGatewayFolder, "doctor.gateway-folder", Error, "docs/findings.md", "Others than its owner can reach a gateway's folder or the keys in it.";
    DoctorPort, "doctor.port", Error, "docs/findings.md", "The port of a gateway that does not run is taken by something else.";
    DoctorDescriptors, "doctor.descriptors", Warning, "docs/findings.md", "A gateway may have fewer file descriptors than its connection limit needs.";
    DoctorServer, "doctor.server", Warning, "docs/gateways.md", "A server's configuration, its files or its listeners are not as an assignment needs them.";
    DoctorNewerLive, "doctor.newer-live", Warning, "docs/findings.md", "A gateway serves what this state does not know: a copied or restored state.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} twice");
            assert_eq!(text.split('.').count(), 2, "{text}");
            assert!(
                text.chars()
                    .all(|c| c.is_ascii_lowercase() || ".-0123456789".contains(c)),
                "{text}"
            );
            assert!(code.meaning().ends_with('.'), "{text}");
        }
    }

    #[test]
    fn a_citation_is_a_standard_or_a_page_that_is_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for code in Code::ALL {
            let cite = code.cite();
            let standard = ["RFC ", "BR ", "XEP-"]
                .iter()
                .any(|body| cite.starts_with(body));
            let page = cite.starts_with("docs/") && root.join(cite).is_file();
            assert!(standard || page, "{}: {cite}", code.as_str());
        }
    }
}
