//! `Link` headers lead from the metadata to the documentation (RFC 8631).

use super::{
    client::Client,
    finding::{Checked, Objection},
    target::Target,
};

const RELATIONS: [&str; 3] = ["service-desc", "service-doc", "service-meta"];

/// `P/metadata` links to the OpenAPI document, the page and the metadata.
pub fn check(client: &Client, target: &Target, prefix: &str) -> Checked {
    let answer = client.get(target, &format!("{prefix}/metadata"))?;
    let found = answer.all("link");
    let missing: Vec<_> = RELATIONS
        .into_iter()
        .filter(|relation| !relations(&found).any(|found| found == *relation))
        .collect();
    if missing.is_empty() {
        return Ok(format!("{}, Link: {found}", answer.asked));
    }
    Err(Objection::departs(
        format!("{}, no Link to {}", answer.asked, missing.join(", ")),
        "Link: <…>; rel=\"service-desc\", and service-doc and service-meta",
    ))
}

/// The relations that the values of `Link` name; one `rel` may name several.
fn relations(links: &str) -> impl Iterator<Item = String> {
    let parameters = links.split([';', ',']).map(str::trim);
    let relations = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("rel").then_some(value)
    });
    relations.flat_map(|value| {
        let names = value.trim().trim_matches('"').split_whitespace();
        names.map(str::to_ascii_lowercase).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::relations;

    #[test]
    fn relations_are_found_quoted_bare_and_together() {
        let links =
            "</a;b>; rel=service-desc; type=\"x\", </b> ; REL = \"service-doc Service-Meta\"";
        let found: Vec<_> = relations(links).collect();
        assert_eq!(found, ["service-desc", "service-doc", "service-meta"]);
    }
}
