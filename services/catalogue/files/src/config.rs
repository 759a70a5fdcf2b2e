//! The settings of this service, beside those that every service has.

use std::{path::PathBuf, time::Duration};

use apikit::reqwest::Url;
use clap::Args;

/// Everything that an operator can set of this service alone: each field is a flag, and a variable of the
/// environment.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The services, as `name=url` or as a URL alone, with commas or line breaks between them. Such as
    /// `build-times=http://build-times:8080/build-times`
    #[arg(long, env, default_value = "", value_name = "LIST")]
    pub catalogue_services: String,

    /// A file with a list of services: JSON where its name ends in `.json`, or else TOML. It is read at the start
    #[arg(long, env, value_name = "FILE")]
    pub catalogue_file: Option<PathBuf>,

    /// The namespace of a cluster whose services are found, beside those of the list: those that are `part-of` it and
    /// whose `component` is `service`, by the labels of Kubernetes
    #[arg(long, env, value_name = "NAMESPACE")]
    pub catalogue_namespace: Option<String>,

    /// How long after a look at a service the next one follows
    #[arg(long, env, default_value = "30s", value_parser = time, value_name = "TIME")]
    pub catalogue_interval: Duration,

    /// How long a service may take over all that it is asked in one look
    #[arg(long, env, default_value = "5s", value_parser = time, value_name = "TIME")]
    pub catalogue_timeout: Duration,

    /// How many services are looked at at once
    #[arg(long, env, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..), value_name = "COUNT")]
    pub catalogue_concurrency: u16,

    /// Where callers reach the front end, such as `https://api.lsst.codes`. Without it, links begin with the host that a
    /// request names
    #[arg(long, env, value_parser = origin, value_name = "URL")]
    pub catalogue_public_url: Option<String>,
}

/// A time span greater than zero.
fn time(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("it must be a time of more than zero, such as 500ms or 10s"),
    }
}

/// The scheme, host and port of a URL.
fn origin(text: &str) -> Result<String, &'static str> {
    const RULE: &str = "it must be an http or https URL with a host, and no path behind it";
    let url: Url = text.parse().map_err(|_| RULE)?;
    let origin = url.origin().ascii_serialization();
    match url.scheme() {
        "http" | "https" if url.as_str().trim_end_matches('/') == origin => Ok(origin),
        _ => Err(RULE),
    }
}
