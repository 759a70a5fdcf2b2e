//! The settings of the OAuth2 proxy: where a login begins, who may get a password, how long sessions live.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use reqwest::Url;

use super::super::settings::base;
use crate::value_parsers::{count, time};

/// The settings of the OAuth2 proxy in front of the back-end.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "OAuth2 proxy")]
pub struct ProxySettings {
    /// Where a login begins [default: <BACKEND_URL>/oauth2/start]
    #[arg(long, env, value_parser = base, value_name = "URL")]
    pub auth_endpoint: Option<Url>,

    /// Hosts that may be sent a password, besides the back-end's own: host or host:port, with commas
    /// between them; https only, unless they are this machine
    #[arg(
        long,
        env,
        default_value = "github.com",
        value_delimiter = ',',
        value_name = "HOSTS"
    )]
    pub auth_login_hosts: Vec<LoginHost>,

    /// How a password opens a session
    #[arg(long, env, value_enum, ignore_case = true, default_value_t = LoginBy::Provider, value_name = "WAY")]
    pub auth_login: LoginBy,

    /// The name of the proxy's session cookie
    #[arg(long, env, default_value = "_oauth2_proxy", value_parser = cookie_name, value_name = "NAME")]
    pub auth_cookie_name: String,

    /// How long a session is used, at most
    #[arg(long, env, default_value = "1h", value_parser = time, value_name = "TIME")]
    pub session_ttl: Duration,

    /// How many sessions are kept; the least used go first
    #[arg(long, env, default_value_t = 10_000, value_parser = count, value_name = "COUNT")]
    pub session_capacity: usize,
}

/// How the caller's password opens a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LoginBy {
    /// By the login form of the OAuth2 provider, such as GitHub's
    Provider,
    /// By the proxy's own form, for users of its htpasswd file
    Htpasswd,
    /// By no form: the proxy checks HTTP Basic against its htpasswd file, with each request
    Basic,
}

/// A host that may be sent a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginHost {
    host: String,
    port: Option<u16>,
}

impl LoginHost {
    /// Whether `url` is on this host, over TLS or on this machine.
    pub(super) fn admits(&self, url: &Url) -> bool {
        let own = url.host_str() == Some(self.host.as_str());
        let port = match self.port {
            Some(port) => url.port_or_known_default() == Some(port),
            None => url.port().is_none(),
        };
        own && port && (url.scheme() == "https" || is_loopback(url))
    }
}

impl FromStr for LoginHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it must be host or host:port, such as github.com";
        let text = text.trim().to_ascii_lowercase();
        let url: Url = format!("https://{text}/").parse().map_err(|_| RULE)?;
        let host = url.host_str().ok_or(RULE)?.to_owned();
        let port = text
            .strip_prefix(host.as_str())
            .and_then(|rest| rest.strip_prefix(':'));
        let port = port.map(str::parse).transpose().map_err(|_| RULE)?;
        let odd = host.contains('*') || host.ends_with('.') || port == Some(0);
        let parsed = Self { host, port };
        if odd || parsed.to_string() != text {
            return Err(RULE);
        }
        Ok(parsed)
    }
}

impl fmt::Display for LoginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// Whether `url` is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    ip.map_or(host == "localhost", |ip| ip.is_loopback())
}

fn cookie_name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("it must be letters, digits and -_.")
    }
}
