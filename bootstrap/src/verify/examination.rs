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
    let below = Half::of(client, target, &target.route);
    let at_root = (!target.route.is_empty()).then(|| metadata::of(client, target, ""));
    let root = Root::of(&below.identity, at_root.as_ref(), direct);

    let mut findings = health(client, target, root);
    let mut note = |rule, checked| findings.push(Finding::of(rule, &target.route, checked));
    note(
        rule::PREFIXES,
        prefixes(target, root, &below.identity, at_root.as_ref()),
    );
    note(
        rule::OPENAPI_PATHS,
        openapi::paths_are_below(&below.document, target),
    );
    note(
        rule::CREDENTIALS,
        credentials::are_asked_for(client, target, &below.identity, &below.document),
    );
    findings.extend(below.findings(client, target));
    if let (Root::Own, Some(identity)) = (root, at_root) {
        let root = Half {
            prefix: "",
            identity,
            document: openapi::document(client, target, ""),
        };
        findings.extend(root.findings(client, target));
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
    /// By the metadata below the route, and those at the root where there is a route.
    fn of(
        below: &Result<Value, Objection>,
        at_root: Option<&Result<Value, Objection>>,
        direct: bool,
    ) -> Self {
        match (below, at_root) {
            (_, None) => Self::Own,
            _ if direct => Self::Own,
            (Ok(below), Some(Ok(at_root))) if below["name"] == at_root["name"] => Self::Own,
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

/// What a service says of itself below its route, or at the root.
struct Half<'a> {
    prefix: &'a str,
    identity: Result<Value, Objection>,
    document: Result<Value, Objection>,
}

impl<'a> Half<'a> {
    fn of(client: &Client, target: &Target, prefix: &'a str) -> Self {
        Self {
            prefix,
            identity: metadata::of(client, target, prefix),
            document: openapi::document(client, target, prefix),
        }
    }

    /// The rules that both halves keep.
    fn findings(&self, client: &Client, target: &Target) -> Vec<Finding> {
        let Self {
            prefix,
            identity,
            document,
        } = self;
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
            (rule::OPENAPI, openapi::check(document, prefix)),
            (rule::DOCS, documentation::check(client, target, prefix)),
            (rule::LINKS, link::check(client, target, prefix)),
        ];
        let findings = findings.into_iter();
        findings
            .map(|(rule, checked)| Finding::of(rule, prefix, checked))
            .collect()
    }
}

fn prefixes(
    target: &Target,
    root: Root,
    below: &Result<Value, Objection>,
    at_root: Option<&Result<Value, Objection>>,
) -> Checked {
    let Some(at_root) = at_root else {
        let why = "the URL has no path: give the service's route with it, as in http://HOST/ROUTE";
        return Err(Objection::NotApplicable(why.to_owned()));
    };
    if root == Root::Anothers {
        return Err(Objection::NotApplicable(not_seen(target)));
    }
    let (below, at_root) = (below.clone()?, at_root.clone()?);
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
