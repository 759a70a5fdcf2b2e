//! Which rules apply to a service as it is reached, and one after the other.
//!
//! The URL's path is the route: everything below it is the service's and must conform. What lies outside of it, at the
//! root of the host, is the service's if `/metadata` there names the same service: then it must conform as well.
//! Otherwise another one answers there, such as a front end, and the rules are skipped, unless the user says that
//! nobody stands between. A URL without a path says nothing of the route, whose half is skipped.

use anyhow::{Result, bail};
use serde_json::Value;

use super::{
    client::Client,
    credentials, documentation, error_shape,
    finding::{Checked, Finding, Objection},
    head, health, link, metadata, openapi, request_id,
    rule::{self, Rule},
    target::Target,
};

/// The findings of all rules.
///
/// # Errors
/// One sentence, when nothing answers in HTTP.
pub fn of(client: &Client, target: &Target, direct: bool) -> Result<Vec<Finding>> {
    ensure_reachable(client, target)?;
    let identity = metadata::of(client, target, &target.route);
    let root = Root::of(client, target, direct, &identity);

    let mut findings = health(client, target, root);
    let mut note = |rule, checked| findings.push(Finding::of(rule, &target.route, checked));
    note(rule::PREFIXES, prefixes(client, target, root, &identity));
    let document = openapi::document(client, target, &target.route);
    note(
        rule::OPENAPI_PATHS,
        openapi::paths_are_below(&document, target),
    );
    note(
        rule::CREDENTIALS,
        credentials::are_asked_for(client, target, &identity, &document),
    );
    findings.extend(half(client, target, &target.route, &identity));
    if root == Root::Own && !target.route.is_empty() {
        let identity = metadata::of(client, target, "");
        findings.extend(half(client, target, "", &identity));
    }
    Ok(findings)
}

/// Whose the root of the host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Own,
    Anothers,
}

impl Root {
    fn of(
        client: &Client,
        target: &Target,
        direct: bool,
        identity: &Result<Value, Objection>,
    ) -> Self {
        if direct || target.route.is_empty() {
            return Self::Own;
        }
        let at_root = metadata::of(client, target, "");
        match (identity, at_root) {
            (Ok(below), Ok(at_root)) if below["name"] == at_root["name"] => Self::Own,
            _ => Self::Anothers,
        }
    }
}

/// Either half may be broken, and is then a finding; a host that answers nothing is the user's to look at.
fn ensure_reachable(client: &Client, target: &Target) -> Result<()> {
    let Err(first) = client.get(target, &format!("{}/metadata", target.route)) else {
        return Ok(());
    };
    if first.is_an_answer() || client.get(target, "/").is_ok() {
        return Ok(());
    }
    bail!("nothing answers in HTTP at {}: {first}", target.shown());
}

fn health(client: &Client, target: &Target, root: Root) -> Vec<Finding> {
    type Check = fn(&Client, &Target) -> Checked;
    let rules: [(Rule, Check); 3] = [
        (rule::HEALTH_CHECK, health::check),
        (rule::LIVENESS, health::liveness),
        (rule::READINESS, health::readiness),
    ];
    let findings = rules.map(|(rule, check)| {
        let checked = match root {
            Root::Own => check(client, target),
            Root::Anothers => Err(Objection::NotApplicable(not_seen(target))),
        };
        Finding::of(rule, "", checked)
    });
    findings.into()
}

/// The rules that both halves keep.
fn half(
    client: &Client,
    target: &Target,
    prefix: &str,
    identity: &Result<Value, Objection>,
) -> Vec<Finding> {
    let findings = [
        (rule::METADATA, metadata::check(identity, prefix)),
        (
            rule::METADATA_SPELLINGS,
            metadata::spellings(client, target, prefix, identity),
        ),
        (rule::HEAD, head::check(client, target, prefix)),
        (
            rule::UNKNOWN_PATH,
            error_shape::unknown_path(client, target, prefix),
        ),
        (
            rule::WRONG_METHOD,
            error_shape::wrong_method(client, target, prefix),
        ),
        (rule::REQUEST_ID, request_id::check(client, target, prefix)),
        (rule::OPENAPI, openapi::check(client, target, prefix)),
        (rule::DOCS, documentation::check(client, target, prefix)),
        (rule::LINKS, link::check(client, target, prefix)),
    ];
    let findings = findings.into_iter();
    findings
        .map(|(rule, checked)| Finding::of(rule, prefix, checked))
        .collect()
}

fn prefixes(
    client: &Client,
    target: &Target,
    root: Root,
    identity: &Result<Value, Objection>,
) -> Checked {
    if target.route.is_empty() {
        let why = "the URL has no path: give the service's route with it, as in http://HOST/ROUTE";
        return Err(Objection::NotApplicable(why.to_owned()));
    }
    if root == Root::Anothers {
        return Err(Objection::NotApplicable(not_seen(target)));
    }
    let below = identity.clone()?;
    let at_root = metadata::of(client, target, "")?;
    if below == at_root {
        return Ok(format!(
            "/metadata and {}/metadata are the same",
            target.route
        ));
    }
    Err(Objection::departs(
        format!(
            "/metadata: {at_root}, and {}/metadata: {below}",
            target.route
        ),
        "the same service below both",
    ))
}

fn not_seen(target: &Target) -> String {
    format!(
        "/metadata does not name the service below {}: the root is another's (--direct checks it all the same)",
        target.route
    )
}
