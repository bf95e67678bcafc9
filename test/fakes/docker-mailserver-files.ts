/** Files of a docker-mailserver, for hosts of tests that have one. */

/** What matters of its image's own opendkim.conf. */
export const OPENDKIM_CONF = `Canonicalization    relaxed/simple
Mode                sv
KeyTable            refile:/etc/opendkim/KeyTable
SigningTable        refile:/etc/opendkim/SigningTable
ExternalIgnoreList  refile:/etc/opendkim/TrustedHosts
InternalHosts       refile:/etc/opendkim/TrustedHosts
SignatureAlgorithm  rsa-sha256
OversignHeaders     From
Socket              inet:8891@localhost
UserID              opendkim:opendkim
`;

/** dkim_signing.conf on the volume, as its `setup config dkim` writes it. */
export const DKIM_SIGNING = `# documentation: https://rspamd.com/doc/modules/dkim_signing.html

enabled = true;

sign_authenticated = true;
sign_local = false;

use_domain = "header";
use_redis = false; # don't change unless Redis also provides the DKIM keys
use_esld = true;
check_pubkey = true; # you want to use this in the beginning

domain {
    example.com {
        path = "/tmp/docker-mailserver/rspamd/dkim/mail.private";
        selector = "mail";
    }
}
`;
