//! The way out to back-ends: a proxy, and the authorities whose certificates are trusted.

use std::{
    env,
    path::{Path, PathBuf},
};

use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy, Url};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};

use super::{BackendSettings, dns::Network};

/// The file with the system's authorities, where it is not in the usual place. rustls reads it.
const SYSTEM_FILE: &str = "SSL_CERT_FILE";

/// How requests leave for back-ends.
#[derive(Clone, Default)]
pub(super) struct Egress {
    /// For `https` alone: it sees neither credentials nor data then.
    proxy: Option<Proxy>,
    /// Trusted beside the system's.
    authorities: Vec<Certificate>,
}

impl Egress {
    /// As these settings have it.
    ///
    /// # Errors
    /// One sentence, when the proxy is no URL of one, or a file of certificates is not.
    pub fn of(settings: &BackendSettings, network: Network) -> Result<Self, String> {
        // It would be passed over in silence, and every call fail.
        if let Some(file) = env::var_os(SYSTEM_FILE).filter(|file| !file.is_empty()) {
            certificates_in(&PathBuf::from(file), SYSTEM_FILE)?;
        }
        let authorities = match &settings.backend_ca_file {
            Some(file) => certificates_in(file, "BACKEND_CA_FILE")?,
            None => Vec::new(),
        };
        let proxy = match &settings.backend_proxy {
            Some(url) => Some(proxy(url, settings.backend_no_proxy.as_deref(), network)?),
            None => None,
        };
        Ok(Self { proxy, authorities })
    }

    /// A client that leaves this way, and by no proxy of the environment's.
    pub fn applied(&self, builder: ClientBuilder) -> ClientBuilder {
        // HTTP_PROXY and its kin would get to see the credentials of an http:// back-end.
        let builder = builder
            .no_proxy()
            .tls_certs_merge(self.authorities.iter().cloned());
        match &self.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        }
    }
}

fn proxy(text: &SecretString, except: Option<&str>, network: Network) -> Result<Proxy, String> {
    let url: Option<Url> = text.expose_secret().parse().ok();
    let Some(url) = url.filter(is_proxy) else {
        return Err(format!(
            "BACKEND_PROXY is {}, but must be http:// or https:// with a host and perhaps a port, a user name and a \
             password, such as http://proxy.example.org:3128.",
            without_secrets(text.expose_secret())
        ));
    };
    network.admits(&url)?;
    let proxy = Proxy::https(url).map_err(|error| {
        let why = crate::error::causes(&error.without_url());
        format!("BACKEND_PROXY cannot be used: {why}.")
    })?;
    Ok(proxy.no_proxy(except.and_then(NoProxy::from_string)))
}

fn is_proxy(url: &Url) -> bool {
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare
}

/// A text that may be a URL, without the user name and the password that it may have.
fn without_secrets(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{:?}", format!("{scheme}://…@{after}"))
        }
        None => format!("{text:?}"),
    }
}

/// The certificates in `file`, which `variable` names.
fn certificates_in(file: &Path, variable: &str) -> Result<Vec<Certificate>, String> {
    let refused = |why: String| Err(format!("{variable} {file:?} {why}."));
    let pem = match std::fs::read(file) {
        Ok(pem) => pem,
        Err(error) => return refused(format!("cannot be read: {error}")),
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = match found {
        Ok(found) if found.is_empty() => return refused("has no certificate in PEM".to_owned()),
        Ok(found) => found,
        Err(error) => return refused(format!("is no PEM: {error}")),
    };
    // Systems have a few that rustls cannot use; it passes over them.
    let (usable, _) = RootCertStore::empty().add_parsable_certificates(found.clone());
    if usable == 0 {
        return refused("has no certificate of an authority that can be used".to_owned());
    }
    let certificates = found.iter().map(|found| Certificate::from_der(found));
    certificates
        .collect::<Result<_, _>>()
        .or_else(|error| refused(format!("cannot be used: {}", crate::error::causes(&error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_proxy_is_named_without_its_secrets() {
        for (text, named) in [
            ("proxy:3128", "\"proxy:3128\""),
            ("socks5://proxy:1080", "\"socks5://proxy:1080\""),
            ("http://proxy/path", "\"http://proxy/path\""),
            ("ftp://ada:demo@proxy", "\"ftp://…@proxy\""),
            ("ada:demo@proxy:3128", "\"://…@proxy:3128\""),
            ("ada:de@mo@proxy:3128/x", "\"://…@proxy:3128/x\""),
        ] {
            let refused = proxy(&text.into(), None, Network::Everywhere);
            let sentence = refused.expect_err(text);
            assert!(
                sentence.contains(&format!("BACKEND_PROXY is {named}, ")),
                "{sentence}"
            );
            assert!(!sentence.contains("demo"), "{sentence}");
        }
    }
}
