//! The deployment that a server stands in: `edgecert.toml` for the names of the servers, and generations that are
//! requested, signed by the lab's CA and imported as an administrator does it.

use super::pki::leaf_of;
use super::{COMPONENT, DOMAIN, Lab, SIP_HOST};
use edgecert::x509::Fingerprint;

/// The certificate that is changed, in `edgecert.toml`.
pub const CERTIFICATE: &str = "external-edge";

impl Lab {
    /// Writes `edgecert.toml` with the gateways' texts (see `Server::gateway`).
    #[track_caller]
    pub fn deployment(&self, gateways: &[String]) {
        self.deployment_of(&[DOMAIN], &[DOMAIN, COMPONENT], gateways);
    }

    /// The same for these SIP and XMPP domains.
    #[track_caller]
    pub fn deployment_of(&self, sip: &[&str], xmpp: &[&str], gateways: &[String]) {
        let mut begun = vec!["init", "--fqdn", SIP_HOST];
        begun.extend(sip.iter().flat_map(|domain| ["--sip-domain", domain]));
        begun.extend(xmpp.iter().flat_map(|domain| ["--xmpp-domain", domain]));
        self.world.run(&begun).ended(0);
        let roots = format!("roots = [{:?}]", self.pki.ca.root());
        let text = self.world.read("edgecert.toml");
        let text = text.replacen("roots = [\"system\"]", &roots, 1);
        self.world.write("edgecert.toml", text + &gateways.concat());
    }

    /// Requests, signs and imports a generation; `more` goes to `request`. Its leaf.
    #[track_caller]
    pub fn imported(&self, more: &[&str]) -> Fingerprint {
        self.imported_as(CERTIFICATE, more)
    }

    /// The same for another certificate of the deployment.
    #[track_caller]
    pub fn imported_as(&self, certificate: &str, more: &[&str]) -> Fingerprint {
        let mut request = vec!["request", certificate, "--new-key", "--json"];
        request.extend(more);
        let made = self.world.run(&request).ended(0).json();
        let id = made["result"]["id"].as_str().unwrap();
        let csr = format!("edgecert.state/requests/{certificate}/{id}/csr.pem");
        let reply = self.pki.ca.reply(&self.world.path(&csr));
        self.world.write("reply.pem", &reply);
        self.world.run(&["import", "reply.pem"]).ended(0);
        Fingerprint::of(leaf_of(reply.as_bytes()).der())
    }
}
