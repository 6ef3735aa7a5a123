-- Asks Prosody's own util.x509 whether a certificate stands for a domain, as mod_s2s_auth_certs asks it.
-- Standard input: a line "PATH<tab>DOMAIN" a question; standard output: "yes" or "no", a line each.
package.path = "/usr/lib/prosody/?.lua;" .. package.path;
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath;
local ssl = require "ssl";
local x509 = require "util.x509";

for line in io.lines() do
	local path, domain = line:match("^(.-)\t(.*)$");
	local file = assert(io.open(path, "rb"));
	local cert = assert(ssl.loadcertificate(file:read("*a")));
	file:close();
	print(x509.verify_identity(domain, "xmpp-server", cert) and "yes" or "no");
end
