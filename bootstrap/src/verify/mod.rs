//! `verify URL`: holds a running service, in whatever language, against the contract of all services.
//!
//! [`target`] reads the URL and [`client`] asks it, within bounds. [`examination`] decides which [`rule`]s apply and
//! goes through them, a file for each subject; each yields a [`finding`], and [`report`] shows them to people or
//! machines. `docs/verify.md` is the manual.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::printing;
use {client::Client, finding::Mark, target::Target};

mod client;
mod credentials;
mod documentation;
mod error_shape;
mod examination;
pub mod finding;
mod head;
mod health;
mod link;
mod metadata;
mod openapi;
mod parameters;
pub mod report;
mod request_id;
pub mod rule;
mod target;

/// What is verified, and how.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// Where the service is reached, with its route: http://127.0.0.1:8080/build-times
    #[arg(value_name = "URL")]
    url: String,

    /// The URL's host is the service's own, and no front end: what it answers outside of its route must conform too
    #[arg(long)]
    direct: bool,

    /// How many seconds one answer may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,

    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Whether a service conforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It breaks no rule that applies.
    Conforms,
    /// It breaks one at least.
    Departs,
}

/// Asks the service, and prints a line for each rule.
///
/// # Errors
/// One sentence, when the URL is none, or nothing answers there in HTTP.
pub fn run(args: &VerifyArgs) -> Result<Verdict> {
    let target = Target::parse(&args.url)?;
    let client = Client::new(args.timeout);
    let findings = examination::of(&client, &target, args.direct)?;
    let text = if args.json {
        report::json(&target, &findings)
    } else {
        report::lines(&target, &findings)
    };
    printing::print(&text)?;
    let departs = findings.iter().any(|finding| finding.mark == Mark::Fail);
    Ok(if departs {
        Verdict::Departs
    } else {
        Verdict::Conforms
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.1..=600.0).contains(seconds));
    let seconds = seconds.ok_or("it must be a number of seconds from 0.1 to 600")?;
    Ok(Duration::from_secs_f64(seconds))
}
