//! Who vouches for servers: whom the system trusts, and authorities of one's own.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates of authorities in PEM, read and found good.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    pem: Arc<str>,
    certificates: Vec<CertificateDer<'static>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({} certificates)", self.certificates.len())
    }
}

impl Authority {
    /// Reads PEM with one certificate or more; what is wrong with it is a sentence's end: `holds …`.
    pub fn parse(pem: &str) -> Result<Self, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let certificates = read.map_err(|error| format!("holds PEM that cannot be read ({error})"))?;
        if certificates.is_empty() {
            return Err("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned());
        }
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            let taken = roots.add(certificate.clone());
            taken.map_err(|error| format!("holds a certificate that cannot be used ({error})"))?;
        }
        Ok(Self { pem: pem.into(), certificates })
    }

    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// Why a connection failed, with what to do about a certificate that nobody here vouches for.
#[must_use]
pub fn with_advice(cause: String) -> String {
    if cause.contains("UnknownIssuer") {
        return format!("{cause}: name the authority that signed the server's certificate in caRef");
    }
    cause
}

/// TLS by rustls and ring, trusting whom the system trusts and these. The system's certificates are read once.
pub(crate) fn client_config(authorities: &[Authority]) -> Result<rustls::ClientConfig, rustls::Error> {
    static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        // Without any, every connection over TLS fails and says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    };
    let mut roots = SYSTEM.get_or_init(read).clone();
    roots.add_parsable_certificates(authorities.iter().flat_map(|authority| authority.certificates.clone()));
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_reported() {
        for (pem, why) in [
            ("", "no certificate in PEM"),
            ("hello", "no certificate in PEM"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate in PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "cannot be read"),
        ] {
            let refused = Authority::parse(pem).unwrap_err();
            assert!(refused.contains(why), "{pem}: {refused}");
        }
    }
}
