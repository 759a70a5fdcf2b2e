//! The settings of the default back-end: its URL, its time limit, and the service's own account there.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{Credentials, account::secret_in};
use crate::value_parsers::time;

/// The settings of the back-end.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Back-end")]
pub struct BackendSettings {
    /// The base URL of the back-end; the default is `cargo run --example backend`
    #[arg(long, env, default_value = "http://127.0.0.1:8081", value_parser = base, value_name = "URL")]
    pub backend_url: Url,

    /// How long the back-end may take to answer one try
    #[arg(long, env, default_value = "10s", value_parser = time, value_name = "TIME")]
    pub backend_timeout: Duration,

    /// A proxy on the way to back-ends, such as `http://proxy.example.org:3128`; it tunnels https:// alone, so that it sees
    /// no credentials, and http:// is asked directly [default: none, whatever HTTPS_PROXY says]
    #[arg(long, env, hide_env_values = true, value_name = "URL")]
    pub backend_proxy: Option<SecretString>,

    /// Hosts that are asked directly all the same: names (with all below them), addresses or networks, with commas between them,
    /// such as example.org,10.0.0.0/8
    #[arg(long, env, requires = "backend_proxy", value_name = "HOSTS")]
    pub backend_no_proxy: Option<String>,

    /// A file with certificates in PEM, of authorities that are trusted beside the system's (those of SSL_CERT_FILE, if set)
    #[arg(long, env, value_name = "FILE")]
    pub backend_ca_file: Option<PathBuf>,

    /// The service's own user name at the back-end, for callers who send none
    #[arg(long, env, value_name = "NAME")]
    pub auth_username: Option<String>,

    /// The password to that name; better kept in a file, as command lines can be read by others
    #[arg(
        long,
        env,
        hide_env_values = true,
        conflicts_with = "auth_password_file",
        value_name = "PASSWORD"
    )]
    pub auth_password: Option<SecretString>,

    /// A file with the password to that name, such as a mounted Secret
    #[arg(long, env, value_name = "FILE")]
    pub auth_password_file: Option<PathBuf>,

    #[cfg(feature = "bitly-proxy")]
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as the help of a flag")]
    pub proxy: super::proxy::ProxySettings,
}

impl BackendSettings {
    /// The service's own account; `None` when it has none.
    ///
    /// # Errors
    /// One sentence, when half of it is missing or the password file cannot be read.
    pub fn account(&self) -> Result<Option<Credentials>, String> {
        let password = match &self.auth_password_file {
            Some(file) => Some(secret_in(file, "AUTH_PASSWORD_FILE")?),
            None => self.auth_password.clone(),
        };
        match (self.auth_username.clone(), password) {
            (None, None) => Ok(None),
            (Some(username), Some(_)) if username.is_empty() || username.contains(':') => Err(
                format!("AUTH_USERNAME is {username:?}, but must be a name without a colon."),
            ),
            (Some(_), Some(password)) if password.expose_secret().is_empty() => {
                Err("The password to AUTH_USERNAME is empty.".to_owned())
            }
            (Some(username), Some(password)) => Ok(Some(Credentials { username, password })),
            (Some(username), None) => Err(format!(
                "AUTH_USERNAME is {username:?}, but neither AUTH_PASSWORD nor AUTH_PASSWORD_FILE is set."
            )),
            (None, Some(_)) => Err("A password is set, but AUTH_USERNAME is not.".to_owned()),
        }
    }
}

/// The base URL of a back-end: `http` or `https`, with a host and perhaps a path, and no more.
pub(super) fn base(text: &str) -> Result<Url, &'static str> {
    const RULE: &str = "it must be http:// or https:// with a host and perhaps a path, such as https://myservice.example.org";
    let url: Url = text.parse().map_err(|_| RULE)?;
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    match url.scheme() {
        "http" | "https" if plain && bare && url.has_host() => Ok(url),
        _ => Err(RULE),
    }
}
